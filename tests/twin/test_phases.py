"""Phase codes."""

import pytest

from twin.phases import PhaseError, code_to_mask, mask_to_code, union


def test_every_mask_goes_round():
    for mask in range(1, 16):
        assert code_to_mask(mask_to_code(mask)) == mask
    assert (mask_to_code(0), mask_to_code(15), code_to_mask("CBA")) == ("", "ABCN", 7)
    assert union([1, 2, 2]) == 3 and union([]) == 0


@pytest.mark.parametrize("code", ["", "X", "AA", "abc", "s1", "A B"])
def test_other_codes_are_refused(code):
    with pytest.raises(PhaseError, match=f"phases {code!r}"):
        code_to_mask(code)
