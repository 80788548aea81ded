"""Code 128: the bars by which carriers read a tracking number."""

from typing import Final

# The widths of three bars and three spaces for each value from 0 to 105; 103 to 105 begin a code in set A, B or C.
_PATTERNS: Final = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122123221"
    "223211221132221231213212223112312131311222321122321221312212322112322211212123212321232121111323131123131321"
    "112313132113132311211313231113231311112133112331132131113123113321133121313121211331231131213113213311213131"
    "311123311321331121312113312311332111314111221411431111111224111422121124121421141122141221112214112412122114"
    "122411142112142211241211221114413111241112134111111242121142121241114212124112124211411212421112421211212141"
    "214121412121111143111341131141114113114311411113411311113141114131311141411131211412211214211232"
)
_LENGTH: Final = 6
_STOP: Final = "2331112"
_START_B: Final = 104
_SWITCH_TO_C: Final = 99
_CHECK: Final = 103


def widths(text: str) -> str:
    """Return the widths of bars and spaces in turn, in modules: letters in set B, an even run of digits at the end in set C.

    Raises ValueError for what set B does not have.
    """
    if not text or any(not " " <= letter <= "~" for letter in text):
        raise ValueError("Code 128 holds printable ASCII")
    head = text.rstrip("0123456789")
    digits = text[len(head) :]
    if len(digits) % 2:
        head, digits = head + digits[0], digits[1:]
    values = [_START_B, *(ord(letter) - 32 for letter in head)]
    if digits:
        values += [_SWITCH_TO_C, *(int(digits[at : at + 2]) for at in range(0, len(digits), 2))]
    check = sum(value * max(1, position) for position, value in enumerate(values)) % _CHECK
    return "".join(_PATTERNS[value * _LENGTH : (value + 1) * _LENGTH] for value in [*values, check]) + _STOP
