using Limn.Engine.Kernels.ChannelsLast;
using Limn.Engine.Operators;
using Limn.Engine.Operators.Compiled;

namespace Limn.Engine.Compilation;

/// <summary>Products with a constant matrix get it packed once, for all runs, where there are rows enough to be worth it.</summary>
internal static class PackedProducts
{
    private const int LeastRows = 4;
    private const long LeastWork = 1L << 18;

    /// <summary>Weights beyond which a second copy is too much memory for what it brings: so large a matrix is read from memory either way.</summary>
    private const int MostWeights = 1 << 22;

    public static void Apply(StepList list)
    {
        for (int s = 0; s < list.Steps.Count; s++)
        {
            PlanStep step = list.Steps[s];
            if (step.Dynamic || Transposed(list, step) is not { } transposed) continue;
            if (list.Slots[step.Inputs[1]].Constant is not { Rank: 2 } b || !b.Type.IsFloating() || list.Slots[step.Inputs[0]].Dims is not { Length: >= 2 } a) continue;
            int k = b.Dims[transposed ? 1 : 0], n = b.Dims[transposed ? 0 : 1], m = k == 0 ? 0 : NdArray.Count(a) / k;
            if (m < LeastRows || b.Length > MostWeights || (long)m * b.Length < LeastWork) continue;
            float[]? bias = step.Inputs.Length > 2 && step.Inputs[2] >= 0 ? list.Slots[step.Inputs[2]].Constant!.Floats.ToArray() : null;
            var packed = new PackedLinear(step.Operator.Name, LinearKernel.Product(m, k, n, transposed, b)) { Finishing = new Finishing { Bias = bias } };
            list.Steps[s] = new PlanStep(step.Name, packed, [step.Inputs[0]], step.Outputs, dynamic: false);
        }
    }

    /// <summary>Whether the matrix is stored transposed; null for a step that is no plain product.</summary>
    private static bool? Transposed(StepList list, PlanStep step) => step.Operator switch
    {
        MatMul => false,
        TransposedMatMul { TransA: false } product => product.TransB,
        Gemm { TransA: false, Alpha: 1, Beta: 1 } gemm when step.Inputs.Length < 3 || step.Inputs[2] < 0 || IsBias(list, step) => gemm.TransB,
        _ => null,
    };

    private static bool IsBias(StepList list, PlanStep step) =>
        list.Slots[step.Inputs[2]].Constant is { Rank: > 0 } c && c.Length == c.Dims[^1] && c.Length == list.Slots[step.Outputs[0]].Dims![^1];
}
