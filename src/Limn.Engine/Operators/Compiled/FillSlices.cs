using Limn.Engine.Kernels;

namespace Limn.Engine.Operators.Compiled;

/// <summary>The parts of a concatenation along the last axis that do not write themselves into the whole. Inputs: these parts.</summary>
/// <param name="firsts">Where each of them begins.</param>
internal sealed class FillSlices(IReadOnlyList<int> firsts) : CompiledOperator("Concat")
{
    public override void Execute(KernelContext context)
    {
        int total = context.OutputDims()[^1], outer = total == 0 ? 0 : context.Output(0).Length / total;
        for (int i = 0; i < context.InputCount; i++)
            Joining.ConcatPart<float>(context.Floats(i), context.Dims(i)[^1], context.OutputFloats(), outer, total, firsts[i], 1, context.Workers);
    }
}
