-- The first schema. Runs in a schema of its own, which is first on the search path.
-- A network is kept under its model for good; one partition of each class table holds one model.

CREATE FUNCTION refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;
COMMENT ON FUNCTION refuse_edit() IS 'keeps the log and the models as they were written';

CREATE FUNCTION phase_code(mask integer) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
  ('{"",A,B,AB,C,AC,BC,ABC,N,AN,BN,ABN,CN,ACN,BCN,ABCN}'::text[])[mask + 1];
COMMENT ON FUNCTION phase_code(integer) IS 'CIM PhaseCode of a bitmask A=1 B=2 C=4 N=8; empty for none';

CREATE TABLE network_model (
  number integer PRIMARY KEY,
  model text NOT NULL UNIQUE,
  name text NOT NULL,
  written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE network_model IS 'every network that was ever loaded';
COMMENT ON COLUMN network_model.number IS 'short name of the model, in the column model of the class tables';
COMMENT ON COLUMN network_model.model IS 'hash of its content';
COMMENT ON COLUMN network_model.name IS 'name for people';
COMMENT ON COLUMN network_model.written_at IS 'when it was loaded into this database';

CREATE TABLE network_column (
  model integer NOT NULL REFERENCES network_model (number),
  class text NOT NULL,
  name text NOT NULL,
  data bytea NOT NULL,
  PRIMARY KEY (model, class, name)
);
ALTER TABLE network_column ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE TRIGGER keeps_rows BEFORE UPDATE OR DELETE ON network_column
  FOR EACH ROW EXECUTE FUNCTION refuse_edit('a model is read-only: load a source with gridtwin');
COMMENT ON TABLE network_column IS 'the class tables once more, packed for a quick start; used where the hash of the whole is the model';
COMMENT ON COLUMN network_column.model IS 'number of the model in network_model';
COMMENT ON COLUMN network_column.class IS 'the class table';
COMMENT ON COLUMN network_column.name IS 'its column';
COMMENT ON COLUMN network_column.data IS 'zlib: little-endian numbers, or UTF-8 with NUL between values';

CREATE TABLE head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  revision bigint NOT NULL DEFAULT 0,
  recorded_at timestamptz NOT NULL DEFAULT '-infinity',
  model text REFERENCES network_model (model) DEFERRABLE INITIALLY DEFERRED
) WITH (fillfactor = 10);
INSERT INTO head DEFAULT VALUES;
COMMENT ON TABLE head IS 'one row: who adds to the log locks it first';
COMMENT ON COLUMN head.one IS 'there is one row only';
COMMENT ON COLUMN head.revision IS 'newest revision of the log; 0 before the first';
COMMENT ON COLUMN head.recorded_at IS 'when that was recorded';
COMMENT ON COLUMN head.model IS 'the model in force';

CREATE TABLE log (
  revision bigint PRIMARY KEY,
  recorded_at timestamptz NOT NULL,
  occurred_at timestamptz NOT NULL,
  author text NOT NULL,
  note text NOT NULL,
  event jsonb NOT NULL
);
CREATE INDEX log_by_time ON log (recorded_at, revision);
CREATE TRIGGER keeps_rows BEFORE UPDATE OR DELETE ON log
  FOR EACH ROW EXECUTE FUNCTION refuse_edit('the log is append-only');
CREATE TRIGGER keeps_all BEFORE TRUNCATE ON log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit('the log is append-only');
COMMENT ON TABLE log IS 'what happened, in order; nothing in it ever changes';
COMMENT ON COLUMN log.revision IS '1, 2, 3 …';
COMMENT ON COLUMN log.recorded_at IS 'when it was added; never decreases with the revision';
COMMENT ON COLUMN log.occurred_at IS 'when it happened in the field';
COMMENT ON COLUMN log.author IS 'who did it';
COMMENT ON COLUMN log.note IS 'what they said about it';
COMMENT ON COLUMN log.event IS 'SwitchOperated or ModelReplaced (kind), and what belongs to it';

CREATE TABLE answer (
  key text PRIMARY KEY,
  request text NOT NULL,
  revision bigint NOT NULL,
  answer jsonb NOT NULL
);
COMMENT ON TABLE answer IS 'answers given under an Idempotency-Key, so that a repeated request is answered as the first time';
COMMENT ON COLUMN answer.key IS 'the key';
COMMENT ON COLUMN answer.request IS 'hash of the request';
COMMENT ON COLUMN answer.revision IS 'revision that the request made';
COMMENT ON COLUMN answer.answer IS 'what was answered';

CREATE TABLE checkpoint (
  revision bigint PRIMARY KEY REFERENCES log (revision),
  model text NOT NULL REFERENCES network_model (model),
  positions jsonb NOT NULL
);
COMMENT ON TABLE checkpoint IS 'the whole state at some revisions, so that a long log need not be read from its beginning';
COMMENT ON COLUMN checkpoint.revision IS 'revision of the state';
COMMENT ON COLUMN checkpoint.model IS 'the model in force then';
COMMENT ON COLUMN checkpoint.positions IS 'switches off normal: mrid, open phases (bitmask A=1 B=2 C=4 N=8), since';

CREATE TABLE scenario (
  id text PRIMARY KEY,
  name text NOT NULL,
  model text NOT NULL,
  base bigint NOT NULL,
  created_at timestamptz NOT NULL,
  scenario jsonb NOT NULL
);
CREATE INDEX scenario_by_creation ON scenario (created_at, id);
COMMENT ON TABLE scenario IS 'what-ifs: switching steps on top of one revision of the log';
COMMENT ON COLUMN scenario.id IS 'its id';
COMMENT ON COLUMN scenario.name IS 'name for people';
COMMENT ON COLUMN scenario.model IS 'the model in force at its base; stale where another one is now';
COMMENT ON COLUMN scenario.base IS 'the revision of the log that it starts from';
COMMENT ON COLUMN scenario.created_at IS 'when it was made';
COMMENT ON COLUMN scenario.scenario IS 'the whole scenario, its steps in order';

-- The classes of CIM.

CREATE TABLE substation (
  model integer NOT NULL REFERENCES network_model (number),
  id integer NOT NULL,
  geom geometry(Point, 4326),
  mrid text NOT NULL,
  name text NOT NULL,
  PRIMARY KEY (model, id),
  UNIQUE (model, mrid)
) PARTITION BY LIST (model);
CREATE INDEX ON substation USING gist (geom);
CREATE TRIGGER keeps_rows BEFORE INSERT OR UPDATE OR DELETE ON substation
  FOR EACH ROW EXECUTE FUNCTION refuse_edit('a model is read-only: load a source with gridtwin');
COMMENT ON TABLE substation IS 'CIM Substation, one partition a model; the view substations shows the model in force';
COMMENT ON COLUMN substation.model IS 'number of its model in network_model';
COMMENT ON COLUMN substation.id IS 'its place in the model, from 1; the feature id in tiles';
COMMENT ON COLUMN substation.geom IS 'centroid of its nodes, EPSG:4326; null where it cannot be placed';
COMMENT ON COLUMN substation.mrid IS 'master resource id, unique in the network';
COMMENT ON COLUMN substation.name IS 'name for people';

CREATE TABLE connectivity_node (
  model integer NOT NULL REFERENCES network_model (number),
  id integer NOT NULL,
  geom geometry(Point, 4326),
  mrid text NOT NULL,
  name text NOT NULL,
  nominal_voltage_v double precision,
  busbar boolean NOT NULL,
  substation integer,
  normal_phases smallint NOT NULL,
  PRIMARY KEY (model, id),
  UNIQUE (model, mrid),
  FOREIGN KEY (model, substation) REFERENCES substation (model, id)
) PARTITION BY LIST (model);
CREATE INDEX ON connectivity_node USING gist (geom);
CREATE TRIGGER keeps_rows BEFORE INSERT OR UPDATE OR DELETE ON connectivity_node
  FOR EACH ROW EXECUTE FUNCTION refuse_edit('a model is read-only: load a source with gridtwin');
COMMENT ON TABLE connectivity_node IS 'CIM ConnectivityNode, one partition a model; the view nodes shows the model in force';
COMMENT ON COLUMN connectivity_node.model IS 'number of its model in network_model';
COMMENT ON COLUMN connectivity_node.id IS 'its place in the model, from 1; the feature id in tiles';
COMMENT ON COLUMN connectivity_node.geom IS 'its place, EPSG:4326; null where it cannot be placed';
COMMENT ON COLUMN connectivity_node.mrid IS 'master resource id, unique in the network';
COMMENT ON COLUMN connectivity_node.name IS 'name for people';
COMMENT ON COLUMN connectivity_node.nominal_voltage_v IS 'line-to-line voltage, V; null where not known';
COMMENT ON COLUMN connectivity_node.busbar IS 'a busbar section of a substation or station';
COMMENT ON COLUMN connectivity_node.substation IS 'substation that contains it; null where not known; an id of substation';
COMMENT ON COLUMN connectivity_node.normal_phases IS 'phases energised in the normal state, bitmask A=1 B=2 C=4 N=8; follows from the model';

CREATE TABLE ac_line_segment (
  model integer NOT NULL,
  id integer NOT NULL,
  geom geometry(LineString, 4326),
  mrid text NOT NULL,
  name text NOT NULL,
  node1 integer NOT NULL,
  node2 integer NOT NULL,
  phases smallint NOT NULL,
  in_service boolean NOT NULL,
  circuit text NOT NULL,
  length_m double precision,
  rated_current_a double precision,
  PRIMARY KEY (model, id),
  UNIQUE (model, mrid),
  FOREIGN KEY (model, node1) REFERENCES connectivity_node (model, id),
  FOREIGN KEY (model, node2) REFERENCES connectivity_node (model, id)
) PARTITION BY LIST (model);
CREATE INDEX ON ac_line_segment USING gist (geom);
CREATE TRIGGER keeps_rows BEFORE INSERT OR UPDATE OR DELETE ON ac_line_segment
  FOR EACH ROW EXECUTE FUNCTION refuse_edit('a model is read-only: load a source with gridtwin');
COMMENT ON TABLE ac_line_segment IS 'CIM AcLineSegment, one partition a model; the view lines shows the model in force';
COMMENT ON COLUMN ac_line_segment.model IS 'number of its model in network_model';
COMMENT ON COLUMN ac_line_segment.id IS 'its place in the model, from 1; the feature id in tiles';
COMMENT ON COLUMN ac_line_segment.geom IS 'its course, EPSG:4326; null where it cannot be placed';
COMMENT ON COLUMN ac_line_segment.mrid IS 'master resource id, unique in the network';
COMMENT ON COLUMN ac_line_segment.name IS 'name for people';
COMMENT ON COLUMN ac_line_segment.node1 IS 'connectivity node of terminal 1; an id of connectivity_node';
COMMENT ON COLUMN ac_line_segment.node2 IS 'connectivity node of terminal 2; an id of connectivity_node';
COMMENT ON COLUMN ac_line_segment.phases IS 'phases present; bitmask A=1 B=2 C=4 N=8';
COMMENT ON COLUMN ac_line_segment.in_service IS 'false: out of service, conducts nothing';
COMMENT ON COLUMN ac_line_segment.circuit IS 'circuit named by the source, kept for naming feeders';
COMMENT ON COLUMN ac_line_segment.length_m IS 'length along the line, m; null where not known';
COMMENT ON COLUMN ac_line_segment.rated_current_a IS 'thermal limit, A; null where not known';

CREATE TABLE switch (
  model integer NOT NULL,
  id integer NOT NULL,
  geom geometry(Point, 4326),
  mrid text NOT NULL,
  name text NOT NULL,
  node1 integer NOT NULL,
  node2 integer NOT NULL,
  phases smallint NOT NULL,
  in_service boolean NOT NULL,
  circuit text NOT NULL,
  kind text NOT NULL,
  normal_open smallint NOT NULL,
  locked boolean NOT NULL,
  rated_current_a double precision,
  PRIMARY KEY (model, id),
  UNIQUE (model, mrid),
  FOREIGN KEY (model, node1) REFERENCES connectivity_node (model, id),
  FOREIGN KEY (model, node2) REFERENCES connectivity_node (model, id)
) PARTITION BY LIST (model);
CREATE INDEX ON switch USING gist (geom);
CREATE TRIGGER keeps_rows BEFORE INSERT OR UPDATE OR DELETE ON switch
  FOR EACH ROW EXECUTE FUNCTION refuse_edit('a model is read-only: load a source with gridtwin');
COMMENT ON TABLE switch IS 'CIM Switch, one partition a model; the view switches shows the model in force';
COMMENT ON COLUMN switch.model IS 'number of its model in network_model';
COMMENT ON COLUMN switch.id IS 'its place in the model, from 1; the feature id in tiles';
COMMENT ON COLUMN switch.geom IS 'its place, EPSG:4326; null where it cannot be placed';
COMMENT ON COLUMN switch.mrid IS 'master resource id, unique in the network';
COMMENT ON COLUMN switch.name IS 'name for people';
COMMENT ON COLUMN switch.node1 IS 'connectivity node of terminal 1; an id of connectivity_node';
COMMENT ON COLUMN switch.node2 IS 'connectivity node of terminal 2; an id of connectivity_node';
COMMENT ON COLUMN switch.phases IS 'phases present; bitmask A=1 B=2 C=4 N=8';
COMMENT ON COLUMN switch.in_service IS 'false: out of service, conducts nothing';
COMMENT ON COLUMN switch.circuit IS 'circuit named by the source, kept for naming feeders';
COMMENT ON COLUMN switch.kind IS 'CIM class: Breaker, LoadBreakSwitch, Disconnector, Fuse, …';
COMMENT ON COLUMN switch.normal_open IS 'phases that are open in the normal state; bitmask A=1 B=2 C=4 N=8';
COMMENT ON COLUMN switch.locked IS 'may not be operated';
COMMENT ON COLUMN switch.rated_current_a IS 'rated current, A; null where not known';

CREATE TABLE power_transformer (
  model integer NOT NULL,
  id integer NOT NULL,
  geom geometry(Point, 4326),
  mrid text NOT NULL,
  name text NOT NULL,
  node1 integer NOT NULL,
  node2 integer NOT NULL,
  phases smallint NOT NULL,
  in_service boolean NOT NULL,
  circuit text NOT NULL,
  rated_power_va double precision,
  substation integer,
  PRIMARY KEY (model, id),
  UNIQUE (model, mrid),
  FOREIGN KEY (model, node1) REFERENCES connectivity_node (model, id),
  FOREIGN KEY (model, node2) REFERENCES connectivity_node (model, id),
  FOREIGN KEY (model, substation) REFERENCES substation (model, id)
) PARTITION BY LIST (model);
CREATE INDEX ON power_transformer USING gist (geom);
CREATE TRIGGER keeps_rows BEFORE INSERT OR UPDATE OR DELETE ON power_transformer
  FOR EACH ROW EXECUTE FUNCTION refuse_edit('a model is read-only: load a source with gridtwin');
COMMENT ON TABLE power_transformer IS 'CIM PowerTransformer, one partition a model; the view transformers shows the model in force';
COMMENT ON COLUMN power_transformer.model IS 'number of its model in network_model';
COMMENT ON COLUMN power_transformer.id IS 'its place in the model, from 1; the feature id in tiles';
COMMENT ON COLUMN power_transformer.geom IS 'its place, EPSG:4326; null where it cannot be placed';
COMMENT ON COLUMN power_transformer.mrid IS 'master resource id, unique in the network';
COMMENT ON COLUMN power_transformer.name IS 'name for people';
COMMENT ON COLUMN power_transformer.node1 IS 'connectivity node of terminal 1; an id of connectivity_node';
COMMENT ON COLUMN power_transformer.node2 IS 'connectivity node of terminal 2; an id of connectivity_node';
COMMENT ON COLUMN power_transformer.phases IS 'phases present; bitmask A=1 B=2 C=4 N=8';
COMMENT ON COLUMN power_transformer.in_service IS 'false: out of service, conducts nothing';
COMMENT ON COLUMN power_transformer.circuit IS 'circuit named by the source, kept for naming feeders';
COMMENT ON COLUMN power_transformer.rated_power_va IS 'rated apparent power, VA; null where not known';
COMMENT ON COLUMN power_transformer.substation IS 'substation that contains it; null where not known; an id of substation';

CREATE TABLE energy_source (
  model integer NOT NULL,
  id integer NOT NULL,
  geom geometry(Point, 4326),
  mrid text NOT NULL,
  name text NOT NULL,
  node integer NOT NULL,
  phases smallint NOT NULL,
  in_service boolean NOT NULL,
  PRIMARY KEY (model, id),
  UNIQUE (model, mrid),
  FOREIGN KEY (model, node) REFERENCES connectivity_node (model, id)
) PARTITION BY LIST (model);
CREATE INDEX ON energy_source USING gist (geom);
CREATE TRIGGER keeps_rows BEFORE INSERT OR UPDATE OR DELETE ON energy_source
  FOR EACH ROW EXECUTE FUNCTION refuse_edit('a model is read-only: load a source with gridtwin');
COMMENT ON TABLE energy_source IS 'CIM EnergySource, one partition a model; the view sources shows the model in force';
COMMENT ON COLUMN energy_source.model IS 'number of its model in network_model';
COMMENT ON COLUMN energy_source.id IS 'its place in the model, from 1; the feature id in tiles';
COMMENT ON COLUMN energy_source.geom IS 'its place, EPSG:4326; null where it cannot be placed';
COMMENT ON COLUMN energy_source.mrid IS 'master resource id, unique in the network';
COMMENT ON COLUMN energy_source.name IS 'name for people';
COMMENT ON COLUMN energy_source.node IS 'its connectivity node; an id of connectivity_node';
COMMENT ON COLUMN energy_source.phases IS 'phases present; bitmask A=1 B=2 C=4 N=8';
COMMENT ON COLUMN energy_source.in_service IS 'false: out of service, conducts nothing';

CREATE TABLE energy_consumer (
  model integer NOT NULL,
  id integer NOT NULL,
  geom geometry(Point, 4326),
  mrid text NOT NULL,
  name text NOT NULL,
  node integer NOT NULL,
  phases smallint NOT NULL,
  p_w double precision,
  q_var double precision,
  customer_count integer,
  equivalent boolean NOT NULL,
  customers integer NOT NULL,
  PRIMARY KEY (model, id),
  UNIQUE (model, mrid),
  FOREIGN KEY (model, node) REFERENCES connectivity_node (model, id)
) PARTITION BY LIST (model);
CREATE INDEX ON energy_consumer USING gist (geom);
CREATE INDEX ON energy_consumer (model, node);
CREATE TRIGGER keeps_rows BEFORE INSERT OR UPDATE OR DELETE ON energy_consumer
  FOR EACH ROW EXECUTE FUNCTION refuse_edit('a model is read-only: load a source with gridtwin');
COMMENT ON TABLE energy_consumer IS 'CIM EnergyConsumer, one partition a model; the view consumers shows the model in force';
COMMENT ON COLUMN energy_consumer.model IS 'number of its model in network_model';
COMMENT ON COLUMN energy_consumer.id IS 'its place in the model, from 1; the feature id in tiles';
COMMENT ON COLUMN energy_consumer.geom IS 'its place, EPSG:4326; null where it cannot be placed';
COMMENT ON COLUMN energy_consumer.mrid IS 'master resource id, unique in the network';
COMMENT ON COLUMN energy_consumer.name IS 'name for people';
COMMENT ON COLUMN energy_consumer.node IS 'its connectivity node; an id of connectivity_node';
COMMENT ON COLUMN energy_consumer.phases IS 'phases present; bitmask A=1 B=2 C=4 N=8';
COMMENT ON COLUMN energy_consumer.p_w IS 'active power, drawn, W; null where not known';
COMMENT ON COLUMN energy_consumer.q_var IS 'reactive power, drawn, var; null where not known';
COMMENT ON COLUMN energy_consumer.customer_count IS 'customers behind it; null where not given';
COMMENT ON COLUMN energy_consumer.equivalent IS 'stands for a network modelled elsewhere: no customers';
COMMENT ON COLUMN energy_consumer.customers IS 'customers counted for it: customer_count, else its usage points, else 1; none for equivalents; follows from the model';

CREATE TABLE usage_point (
  model integer NOT NULL,
  id integer NOT NULL,
  mrid text NOT NULL,
  name text NOT NULL,
  consumer integer NOT NULL,
  PRIMARY KEY (model, id),
  UNIQUE (model, mrid),
  FOREIGN KEY (model, consumer) REFERENCES energy_consumer (model, id)
) PARTITION BY LIST (model);
CREATE INDEX ON usage_point (model, consumer);
CREATE TRIGGER keeps_rows BEFORE INSERT OR UPDATE OR DELETE ON usage_point
  FOR EACH ROW EXECUTE FUNCTION refuse_edit('a model is read-only: load a source with gridtwin');
COMMENT ON TABLE usage_point IS 'CIM UsagePoint, one partition a model; the view usage_points shows the model in force';
COMMENT ON COLUMN usage_point.model IS 'number of its model in network_model';
COMMENT ON COLUMN usage_point.id IS 'its place in the model, from 1; the feature id in tiles';
COMMENT ON COLUMN usage_point.mrid IS 'master resource id, unique in the network';
COMMENT ON COLUMN usage_point.name IS 'name for people';
COMMENT ON COLUMN usage_point.consumer IS 'the energy consumer it belongs to; an id of energy_consumer';

CREATE TABLE feeder (
  model integer NOT NULL,
  id integer NOT NULL,
  mrid text NOT NULL,
  name text NOT NULL,
  head_mrid text NOT NULL,
  head_node integer NOT NULL,
  substation integer,
  PRIMARY KEY (model, id),
  UNIQUE (model, mrid),
  FOREIGN KEY (model, head_node) REFERENCES connectivity_node (model, id),
  FOREIGN KEY (model, substation) REFERENCES substation (model, id)
) PARTITION BY LIST (model);
CREATE TRIGGER keeps_rows BEFORE INSERT OR UPDATE OR DELETE ON feeder
  FOR EACH ROW EXECUTE FUNCTION refuse_edit('a model is read-only: load a source with gridtwin');
COMMENT ON TABLE feeder IS 'CIM Feeder, one partition a model; the view feeders shows the model in force';
COMMENT ON COLUMN feeder.model IS 'number of its model in network_model';
COMMENT ON COLUMN feeder.id IS 'its place in the model, from 1; the feature id in tiles';
COMMENT ON COLUMN feeder.mrid IS 'master resource id, unique in the network';
COMMENT ON COLUMN feeder.name IS 'name for people';
COMMENT ON COLUMN feeder.head_mrid IS 'equipment at its head';
COMMENT ON COLUMN feeder.head_node IS 'connectivity node on the head''s load side; an id of connectivity_node';
COMMENT ON COLUMN feeder.substation IS 'substation that it leaves; null where not known; an id of substation';

-- What follows from the log: kept in the transaction that adds to it, and joined by the views below.

CREATE TABLE deenergized (
  lo integer PRIMARY KEY,
  hi integer NOT NULL,
  phases smallint NOT NULL,
  gained smallint NOT NULL,
  customers integer NOT NULL,
  since timestamptz NOT NULL,
  geom geometry(Polygon, 4326)
);
CREATE INDEX ON deenergized USING gist (geom);
COMMENT ON TABLE deenergized IS 'runs of nodes of the model in force that are energised otherwise than in the normal state';
COMMENT ON COLUMN deenergized.lo IS 'first id of connectivity_node';
COMMENT ON COLUMN deenergized.hi IS 'last id of connectivity_node';
COMMENT ON COLUMN deenergized.phases IS 'phases energised in the normal state and not now; bitmask A=1 B=2 C=4';
COMMENT ON COLUMN deenergized.gained IS 'phases energised now and not in the normal state; bitmask A=1 B=2 C=4';
COMMENT ON COLUMN deenergized.customers IS 'customers there who have lost any of their phases';
COMMENT ON COLUMN deenergized.since IS 'when the operation happened that made it so';
COMMENT ON COLUMN deenergized.geom IS 'box around its nodes, EPSG:4326; null where none is placed';

CREATE TABLE switch_position (
  switch integer PRIMARY KEY,
  open smallint NOT NULL,
  since timestamptz
);
COMMENT ON TABLE switch_position IS 'switches of the model in force that are off their normal position';
COMMENT ON COLUMN switch_position.switch IS 'id of switch';
COMMENT ON COLUMN switch_position.open IS 'phases that are open; bitmask A=1 B=2 C=4 N=8';
COMMENT ON COLUMN switch_position.since IS 'when it last moved';

-- The model in force, as plain layers.

CREATE VIEW substations AS
SELECT t.id, t.geom, t.mrid, t.name
FROM substation t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW substations IS 'CIM Substation of the model in force';

CREATE VIEW nodes AS
SELECT t.id, t.geom, t.mrid, t.name, t.nominal_voltage_v, t.busbar, t.substation
FROM connectivity_node t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW nodes IS 'CIM ConnectivityNode of the model in force';

CREATE VIEW lines AS
SELECT t.id, t.geom, t.mrid, t.name, t.node1, t.node2, phase_code(t.phases) AS phases, t.in_service, t.circuit,
  t.length_m, t.rated_current_a
FROM ac_line_segment t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW lines IS 'CIM AcLineSegment of the model in force';

CREATE VIEW switches AS
SELECT t.id, t.geom, t.mrid, t.name, t.node1, t.node2, phase_code(t.phases) AS phases, t.in_service, t.circuit,
  t.kind, phase_code(t.normal_open) AS normal_open, t.locked, t.rated_current_a
FROM switch t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW switches IS 'CIM Switch of the model in force';

CREATE VIEW transformers AS
SELECT t.id, t.geom, t.mrid, t.name, t.node1, t.node2, phase_code(t.phases) AS phases, t.in_service, t.circuit,
  t.rated_power_va, t.substation
FROM power_transformer t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW transformers IS 'CIM PowerTransformer of the model in force';

CREATE VIEW sources AS
SELECT t.id, t.geom, t.mrid, t.name, t.node, phase_code(t.phases) AS phases, t.in_service
FROM energy_source t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW sources IS 'CIM EnergySource of the model in force';

CREATE VIEW consumers AS
SELECT t.id, t.geom, t.mrid, t.name, t.node, phase_code(t.phases) AS phases, t.p_w, t.q_var, t.customer_count,
  t.equivalent, t.customers
FROM energy_consumer t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW consumers IS 'CIM EnergyConsumer of the model in force';

CREATE VIEW usage_points AS
SELECT t.id, t.mrid, t.name, t.consumer
FROM usage_point t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW usage_points IS 'CIM UsagePoint of the model in force';

CREATE VIEW feeders AS
SELECT t.id, t.mrid, t.name, t.head_mrid, t.head_node, t.substation
FROM feeder t
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW feeders IS 'CIM Feeder of the model in force';

-- The same as of now. energized: 0 none, 1 some, 2 all of the element's own phases, N left out.

CREATE VIEW nodes_now AS
SELECT t.id, t.geom, t.mrid, t.name, t.nominal_voltage_v, t.busbar, t.substation,
  phase_code(t.normal_phases & ~coalesce(d.phases, 0) | coalesce(d.gained, 0)) AS phases,
  phase_code(t.normal_phases) AS normal_phases,
  t.normal_phases & ~coalesce(d.phases, 0) | coalesce(d.gained, 0) AS mask
FROM connectivity_node t
LEFT JOIN LATERAL (
  SELECT r.hi, r.phases, r.gained FROM deenergized r WHERE r.lo <= t.id ORDER BY r.lo DESC LIMIT 1
) d ON d.hi >= t.id
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW nodes_now IS 'connectivity nodes with the phases that are energised now';
COMMENT ON COLUMN nodes_now.id IS 'unique here; the feature id in tiles';
COMMENT ON COLUMN nodes_now.phases IS 'phases energised now, CIM PhaseCode';
COMMENT ON COLUMN nodes_now.normal_phases IS 'phases energised in the normal state, CIM PhaseCode';
COMMENT ON COLUMN nodes_now.mask IS 'phases energised now, bitmask A=1 B=2 C=4';

CREATE VIEW lines_now AS
SELECT t.id, t.geom, t.mrid, t.name, t.node1, t.node2, phase_code(t.phases) AS phases, t.in_service, t.circuit,
  t.length_m, t.rated_current_a,
  CASE WHEN t.in_service THEN CASE t.phases & 7 & (u.mask | v.mask) WHEN 0 THEN 0 WHEN t.phases & 7 THEN 2 ELSE 1 END ELSE 0 END AS energized
FROM ac_line_segment t
JOIN nodes_now u ON u.id = t.node1
JOIN nodes_now v ON v.id = t.node2
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW lines_now IS 'lines with what is energised now';
COMMENT ON COLUMN lines_now.id IS 'unique here; the feature id in tiles';
COMMENT ON COLUMN lines_now.energized IS '0 none, 1 some, 2 all of its own phases, N left out';

CREATE VIEW transformers_now AS
SELECT t.id, t.geom, t.mrid, t.name, t.node1, t.node2, phase_code(t.phases) AS phases, t.in_service, t.circuit,
  t.rated_power_va, t.substation,
  CASE WHEN t.in_service THEN CASE t.phases & 7 & (u.mask | v.mask) WHEN 0 THEN 0 WHEN t.phases & 7 THEN 2 ELSE 1 END ELSE 0 END AS energized
FROM power_transformer t
JOIN nodes_now u ON u.id = t.node1
JOIN nodes_now v ON v.id = t.node2
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW transformers_now IS 'transformers with what is energised now';
COMMENT ON COLUMN transformers_now.id IS 'unique here; the feature id in tiles';
COMMENT ON COLUMN transformers_now.energized IS '0 none, 1 some, 2 all of its own phases, N left out';

CREATE VIEW switches_now AS
SELECT t.id, t.geom, t.mrid, t.name, t.node1, t.node2, phase_code(t.phases) AS phases, t.in_service, t.circuit,
  t.kind, t.locked, t.rated_current_a,
  t.normal_open & t.phases <> 0 AS normal_open,
  coalesce(p.open, t.normal_open) & t.phases <> 0 AS open,
  phase_code(coalesce(p.open, t.normal_open) & t.phases) AS open_phases,
  p.since,
  CASE WHEN t.in_service THEN CASE t.phases & ~coalesce(p.open, t.normal_open) & 7 & (u.mask | v.mask) WHEN 0 THEN 0 WHEN t.phases & 7 THEN 2 ELSE 1 END ELSE 0 END AS energized,
  (u.mask <> 0)::integer + (v.mask <> 0)::integer AS live_ends
FROM switch t
LEFT JOIN switch_position p ON p.switch = t.id
JOIN nodes_now u ON u.id = t.node1
JOIN nodes_now v ON v.id = t.node2
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW switches_now IS 'switches with their position and what is energised now';
COMMENT ON COLUMN switches_now.id IS 'unique here; the feature id in tiles';
COMMENT ON COLUMN switches_now.normal_open IS 'open in the normal state, on any of its phases';
COMMENT ON COLUMN switches_now.open IS 'open now, on any of its phases';
COMMENT ON COLUMN switches_now.open_phases IS 'phases that are open now, CIM PhaseCode';
COMMENT ON COLUMN switches_now.since IS 'when it last moved; null where it is in its normal position';
COMMENT ON COLUMN switches_now.energized IS '0 none, 1 some, 2 all of its own phases, N left out; an open switch has none';
COMMENT ON COLUMN switches_now.live_ends IS 'how many of its ends are energised on any phase';

CREATE VIEW consumers_now AS
SELECT t.id, t.geom, t.mrid, t.name, t.node, phase_code(t.phases) AS phases, t.p_w, t.q_var, t.customer_count,
  t.equivalent, t.customers,
  CASE t.phases & 7 & u.mask WHEN 0 THEN 0 WHEN t.phases & 7 THEN 2 ELSE 1 END AS energized
FROM energy_consumer t
JOIN nodes_now u ON u.id = t.node
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW consumers_now IS 'consumers with what is energised at their node now';
COMMENT ON COLUMN consumers_now.id IS 'unique here; the feature id in tiles';
COMMENT ON COLUMN consumers_now.energized IS '0 none, 1 some, 2 all of its own phases, N left out';

CREATE VIEW sources_now AS
SELECT t.id, t.geom, t.mrid, t.name, t.node, phase_code(t.phases) AS phases, t.in_service,
  CASE t.phases & 7 & u.mask WHEN 0 THEN 0 WHEN t.phases & 7 THEN 2 ELSE 1 END AS energized
FROM energy_source t
JOIN nodes_now u ON u.id = t.node
WHERE t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW sources_now IS 'sources with what is energised at their node now';
COMMENT ON COLUMN sources_now.id IS 'unique here; the feature id in tiles';
COMMENT ON COLUMN sources_now.energized IS '0 none, 1 some, 2 all of its own phases, N left out';

CREATE VIEW elements_now AS
SELECT 'AcLineSegment'::text AS class, t.id, t.mrid, t.name, t.phases, t.energized, t.geom::geometry(Geometry, 4326)
  AS geom FROM lines_now t
UNION ALL
SELECT 'Switch'::text AS class, t.id, t.mrid, t.name, t.phases, t.energized, t.geom::geometry(Geometry, 4326) AS geom
  FROM switches_now t
UNION ALL
SELECT 'PowerTransformer'::text AS class, t.id, t.mrid, t.name, t.phases, t.energized, t.geom::geometry(Geometry,
  4326) AS geom FROM transformers_now t
UNION ALL
SELECT 'EnergySource'::text AS class, t.id, t.mrid, t.name, t.phases, t.energized, t.geom::geometry(Geometry, 4326) AS
  geom FROM sources_now t
UNION ALL
SELECT 'EnergyConsumer'::text AS class, t.id, t.mrid, t.name, t.phases, t.energized, t.geom::geometry(Geometry, 4326)
  AS geom FROM consumers_now t;
COMMENT ON VIEW elements_now IS 'every element that conducts, feeds or consumes, with what is energised now; mrid is unique';
COMMENT ON COLUMN elements_now.energized IS '0 none, 1 some, 2 all of its own phases, N left out';

CREATE VIEW outages_now AS
SELECT d.lo AS id, d.geom, d.customers, d.hi - d.lo + 1 AS nodes, phase_code(d.phases) AS phases, d.since,
  (
    SELECT n.mrid FROM connectivity_node n
    WHERE n.id = d.lo AND n.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model)
  ) AS first_node
FROM deenergized d
WHERE d.phases <> 0;
COMMENT ON VIEW outages_now IS 'where supply is lost against the normal state: runs of nodes, with the customers there';
COMMENT ON COLUMN outages_now.id IS 'unique here: id of the first node';
COMMENT ON COLUMN outages_now.geom IS 'box around its nodes, EPSG:4326';
COMMENT ON COLUMN outages_now.customers IS 'customers there who have lost any of their phases';
COMMENT ON COLUMN outages_now.nodes IS 'how many connectivity nodes';
COMMENT ON COLUMN outages_now.phases IS 'phases lost, CIM PhaseCode';
COMMENT ON COLUMN outages_now.since IS 'when the operation happened that made it so';
COMMENT ON COLUMN outages_now.first_node IS 'mrid of the first node';

CREATE VIEW consumers_out_now AS
SELECT t.id, t.geom, t.mrid, t.name, t.node, phase_code(t.phases) AS phases, t.p_w, t.q_var, t.customer_count,
  t.equivalent, t.customers, phase_code(d.phases & t.phases) AS lost_phases, d.since
FROM deenergized d
JOIN energy_consumer t ON t.node BETWEEN d.lo AND d.hi AND d.phases & t.phases <> 0
  AND t.model = (SELECT m.number FROM head h JOIN network_model m ON m.model = h.model);
COMMENT ON VIEW consumers_out_now IS 'consumers who have lost any of their phases against the normal state';
COMMENT ON COLUMN consumers_out_now.id IS 'unique here; the feature id in tiles';
COMMENT ON COLUMN consumers_out_now.lost_phases IS 'phases lost, CIM PhaseCode';
COMMENT ON COLUMN consumers_out_now.since IS 'when the operation happened that made it so';
