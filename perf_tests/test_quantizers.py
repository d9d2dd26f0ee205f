"""Number formats: quantizing a tensor beside a copy of its bytes, eager, compiled, and beside torchao."""

from fixtures.case import Case, Tolerance, parametrize
from fixtures.plugin import Measure
from fixtures.quantizers.format import Format
from fixtures.quantizers.formats import BY_NAME, MEASURED, to_json
from fixtures.quantizers.workloads import compiled_workload, eager_workload, torchao_workload

EXACT = Tolerance(bit_exact=True)
MI = 1 << 20

EAGER = (  # one or two of every kind; the others differ from these in a constant
    *("int8f4", "uint8f4", "denorm8e4", "ieee8e4", "log8", "blockfp8e8-b16", "blocklog8-b16", "blockminifloat8e4-b16"),
    *("binary", "binary-stochastic", "binary-scaled", "mxint8-g32", "mxint4-g32", "mxint8-ceil-g32"),
    *("mxfp8e4m3-g32", "mxfp4e2m1-g32"),
)
COMPILED = ("int8f4", "ieee8e4", "mxint8-g32", "mxfp8e4m3-g32")
BEYOND_CACHE = ("int8f4", "mxint8-g32")
AGAINST_TORCHAO = ("int8f4", "mxfp8e4m3-g32")
QUICK = ("quantizers/eager/int8f4-n1m", "quantizers/eager/mxint8-g32-n1m", "quantizers/compiled/int8f4-n1m")


def eager(format: Format, elements: int) -> Case:
    name = f"quantizers/eager/{format.name}-n{elements // MI}m"
    return Case(name, eager_workload, parameters(format, elements), EXACT, profile(name, format, EAGER))


def compiled(format: Format, elements: int) -> Case:
    name = f"quantizers/compiled/{format.name}-n{elements // MI}m"
    return Case(name, compiled_workload, parameters(format, elements), EXACT, profile(name, format, COMPILED))


def against_torchao(format: Format, elements: int) -> Case:
    name = f"quantizers/against-torchao/{format.name}-n{elements // MI}m"
    params, size = parameters(format, elements), profile(name, format, AGAINST_TORCHAO)
    return Case(name, torchao_workload, params, EXACT, size, ("torchao",))


def parameters(format: Format, elements: int) -> dict[str, object]:
    return {"format": to_json(format), "elements": elements}


def profile(name: str, format: Format, standard: tuple[str, ...]) -> str:
    return "quick" if name in QUICK else "standard" if format.name in standard else "full"


CASES = [
    *(eager(format, MI) for format in MEASURED),
    *(eager(BY_NAME[name], 16 * MI) for name in BEYOND_CACHE),
    *(compiled(format, MI) for format in MEASURED if format.name != "binary-stochastic"),
    compiled(BY_NAME["int8f4"], 16 * MI),
    *(against_torchao(format, MI) for format in MEASURED if format.name == "int8f4" or format.name.startswith("mxfp")),
]


@parametrize(CASES)
def test_quantizers(case: Case, measure: Measure) -> None:
    measure(case)
