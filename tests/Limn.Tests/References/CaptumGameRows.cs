using Limn.Games;
using Limn.Games.Local;
using static Limn.Tests.References.CaptumData;

namespace Limn.Tests.References;

/// <summary>Rows of Shapley values and Kernel SHAP.</summary>
internal static class CaptumGameRows
{
    private const double Third = 1.0 / 3;

    public static IReadOnlyList<CaptumRow> All { get; } =
    [
        new ExplainedRow(77, Multi, m => new ShapleyValues(m), [X253], [[76 + 2 * Third, 196 + 2 * Third, 116 + 2 * Third]]),
        new ExplainedRow(78, Multi, m => new ShapleyValues(m) { Mask = M1 }, [X253], [[275, 275, 115]]),
        new ExplainedRow(79, Multi, m => new ShapleyValues(m), [Xb], [[7, 32.5, 10.5, 76 + 2 * Third, 196 + 2 * Third, 116 + 2 * Third]]),
        new ExplainedRow(80, Multi, m => new ShapleyValues(m) { Mask = M2 }, [Xb], [[39.5, 39.5, 10.5, 275, 275, 115]]),
        new ExplainedRow(81, Three, m => new ShapleyValues(m) { Mask = Ms2 }, Mi,
            [[1088 + 2 * Third, 1088 + 2 * Third, 1088 + 2 * Third, 255, 595, 255], [76 + 2 * Third, 1088 + 2 * Third, 156 + 2 * Third, 255, 595, 0], [76 + 2 * Third, 1088 + 2 * Third, 156 + 2 * Third, 255, 255, 255]]),
        new ExplainedRow(82, Multi, m => new KernelShap(m) { Baseline = Baseline.Of([Row(10, 20, 10)]), Samples = 500 }, [X253], [[40, 120, 80]]),
        new ExplainedRow(83, Multi, m => new KernelShap(m) { Samples = 500 }, [X253], [[76 + 2 * Third, 196 + 2 * Third, 116 + 2 * Third]]),
        new ExplainedRow(84, Multi, m => new KernelShap(m) { Mask = M1, Samples = 100 }, [X253], [[275, 275, 115]]),
        // Captum draws; here every coalition is weighed, which is what its draws tend to. Its own tests allow 1.
        new ExplainedRow(85, Multi, m => new Lime(m) { Surrogate = SurrogateKind.Lasso, Alpha = 1, Width = 10 }, [X253], [[73.372, 193.335, 113.335]]) { Tolerance = 0.005 },
        new ExplainedRow(86, Multi, m => new Lime(m) { Surrogate = SurrogateKind.Lasso, Alpha = 1, Width = 10, Mask = M1 }, [X253], [[271, 271, 111]]) { Tolerance = 0.005 },
    ];
}
