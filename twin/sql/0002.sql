-- What a source says of an element beyond the columns of its class.

ALTER TABLE substation ADD COLUMN extras jsonb;
COMMENT ON COLUMN substation.extras IS 'what the source says beyond these columns, by name; null for nothing';
ALTER TABLE connectivity_node ADD COLUMN extras jsonb;
COMMENT ON COLUMN connectivity_node.extras IS 'what the source says beyond these columns, by name; null for nothing';
ALTER TABLE ac_line_segment ADD COLUMN extras jsonb;
COMMENT ON COLUMN ac_line_segment.extras IS 'what the source says beyond these columns, by name; null for nothing';
ALTER TABLE switch ADD COLUMN extras jsonb;
COMMENT ON COLUMN switch.extras IS 'what the source says beyond these columns, by name; null for nothing';
ALTER TABLE power_transformer ADD COLUMN extras jsonb;
COMMENT ON COLUMN power_transformer.extras IS 'what the source says beyond these columns, by name; null for nothing';
ALTER TABLE energy_source ADD COLUMN extras jsonb;
COMMENT ON COLUMN energy_source.extras IS 'what the source says beyond these columns, by name; null for nothing';
ALTER TABLE energy_consumer ADD COLUMN extras jsonb;
COMMENT ON COLUMN energy_consumer.extras IS 'what the source says beyond these columns, by name; null for nothing';
ALTER TABLE usage_point ADD COLUMN extras jsonb;
COMMENT ON COLUMN usage_point.extras IS 'what the source says beyond these columns, by name; null for nothing';
ALTER TABLE feeder ADD COLUMN extras jsonb;
COMMENT ON COLUMN feeder.extras IS 'what the source says beyond these columns, by name; null for nothing';

-- The model in force with it.

CREATE OR REPLACE VIEW substations AS
SELECT t.id, t.geom, t.mrid, t.name, t.extras
FROM substation t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);

CREATE OR REPLACE VIEW nodes AS
SELECT t.id, t.geom, t.mrid, t.name, t.nominal_voltage_v, t.busbar, t.substation, t.extras
FROM connectivity_node t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);

CREATE OR REPLACE VIEW lines AS
SELECT t.id, t.geom, t.mrid, t.name, t.node1, t.node2, phase_code(t.phases) AS phases, t.in_service, t.circuit,
  t.length_m, t.rated_current_a, t.extras
FROM ac_line_segment t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);

CREATE OR REPLACE VIEW switches AS
SELECT t.id, t.geom, t.mrid, t.name, t.node1, t.node2, phase_code(t.phases) AS phases, t.in_service, t.circuit,
  t.kind, phase_code(t.normal_open) AS normal_open, t.locked, t.rated_current_a, t.extras
FROM switch t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);

CREATE OR REPLACE VIEW transformers AS
SELECT t.id, t.geom, t.mrid, t.name, t.node1, t.node2, phase_code(t.phases) AS phases, t.in_service, t.circuit,
  t.rated_power_va, t.substation, t.extras
FROM power_transformer t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);

CREATE OR REPLACE VIEW sources AS
SELECT t.id, t.geom, t.mrid, t.name, t.node, phase_code(t.phases) AS phases, t.in_service, t.extras
FROM energy_source t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);

CREATE OR REPLACE VIEW consumers AS
SELECT t.id, t.geom, t.mrid, t.name, t.node, phase_code(t.phases) AS phases, t.p_w, t.q_var, t.customer_count,
  t.equivalent, t.customers, t.extras
FROM energy_consumer t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);

CREATE OR REPLACE VIEW usage_points AS
SELECT t.id, t.mrid, t.name, t.consumer, t.extras
FROM usage_point t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);

CREATE OR REPLACE VIEW feeders AS
SELECT t.id, t.mrid, t.name, t.head_mrid, t.head_node, t.substation, t.extras
FROM feeder t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
