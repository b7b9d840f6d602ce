using Limn.Engine.Compilation;
using Limn.Engine.Operators;
using Limn.Engine.Operators.Compiled;

namespace Limn.Engine.Execution;

/// <summary>What a step has to do at least, from its shapes: the measure that its time is held against.</summary>
/// <param name="Flops">
/// Floating-point operations, a multiplication with its addition counted as two; null where they cannot be told from the shapes. Convolutions and products of matrices are
/// counted as their definitions have them (so a faster algorithm may seem to exceed the machine); poolings and reductions by what they read; all else as one for each element
/// that is written, of joined steps as one for each of them.
/// </param>
/// <param name="Bytes">Bytes that are read or written when each operand is touched once; null where shapes depend on data.</param>
public sealed record StepCost(long? Flops, long? Bytes)
{
    /// <summary>The cost of a step of a plan.</summary>
    internal static StepCost Of(Plan plan, PlanStep step)
    {
        int[]?[] inputs = [.. step.Inputs.Select(Dims)], outputs = [.. step.Outputs.Select(Dims)];
        if (!step.Dynamic && inputs is [{ } from, ..] && outputs is [{ } to, ..] && step.Operator.IsView(from, to)) return new StepCost(0, 0);
        bool known = step.Inputs.Concat(step.Outputs).All(slot => slot < 0 || plan.DimsOf(slot) is not null);
        long written = known ? step.Outputs.Where(slot => slot >= 0).Sum(BytesOf) : 0;
        long? read = known ? step.Inputs.Select((slot, i) => slot >= 0 && Array.IndexOf(step.Inputs, slot) == i ? Read(i) : 0).Sum() : null;
        long weights = step.Operator is PackedLinear linear ? 4 * linear.WeightLength : 0; // packed ones are no input of the step
        return new StepCost(FlopsOf(step.Operator, inputs, outputs), read + weights + written);

        int[]? Dims(int slot) => slot < 0 ? null : plan.DimsOf(slot);
        long BytesOf(int slot) => Size(plan.DimsOf(slot)!) * plan.TypeOf(slot).Storage() switch { Storage.Float => 4L, Storage.Integer or Storage.String => 8L, _ => 1L };

        // What picks elements out reads only those that it picks.
        long Read(int input) => step.Operator.UsesShapeOnly(input) ? 0
            : input == 0 && step.Operator is (Gather or GatherElements or GatherND or Slice) ? Math.Min(written, BytesOf(step.Inputs[input])) : BytesOf(step.Inputs[input]);
    }

    /// <param name="op">The operator.</param>
    /// <param name="inputs">The shapes of the inputs; null where one is left out or unknown.</param>
    /// <param name="outputs">Those of the outputs.</param>
    internal static long? FlopsOf(Operator op, IReadOnlyList<int[]?> inputs, IReadOnlyList<int[]?> outputs)
    {
        if (outputs is not [{ } y, ..] || inputs.Count > 0 && inputs[0] is null) return null;
        long size = Size(y);
        return op switch
        {
            Conv or NormalizedConvolution => 2 * size * Each(inputs[1]!),
            ConvTranspose or ConvolutionInputGradient => 2 * Size(inputs[0]!) * Each(inputs[1]!),
            ConvolutionWeightGradient => 2 * Size(inputs[1]!) * Each(y),
            MatMul or TransposedMatMul or Gemm => 2 * size * Inner(inputs[0]!, inputs[1]!, y),
            PackedLinear linear => 2 * linear.Work,
            FusedElementwise fused => size * fused.Parts.Count,
            StridedProduct product => 2L * product.Shape.Rows * product.Shape.Columns * product.Shape.Depth * product.Shape.C.Offsets.Length,
            MaxPool pool => size * pool.Window.Kernel.Aggregate(1L, (a, b) => a * b),
            AveragePool pool => size * pool.Window.Kernel.Aggregate(1L, (a, b) => a * b),
            AveragePoolGradient or GlobalAveragePool or GlobalMaxPool or ReduceOperator or SumTo => Size(inputs[0]!),
            ControlFlowOperator => null,
            _ when op.MakesOutputs => null,
            _ => size,
        };
    }

    private static long Size(int[] dims) => dims.Aggregate(1L, (a, b) => a * b);

    /// <summary>Multiplications for each element of an output channel: what one slice of the weights holds.</summary>
    private static long Each(int[] weights) => weights.Skip(1).Aggregate(1L, (a, b) => a * b);

    /// <summary>The length of the sums of a product of matrices, whichever of them is transposed.</summary>
    private static long Inner(int[] a, int[] b, int[] y) => a.Length == 1 ? a[0] : b.Length == 1 ? b[0] : y[^2] == 0 ? 0 : (long)a[^1] * a[^2] / y[^2];
}
