using Limn.Engine.Kernels;

namespace Limn.Engine.Operators.Compiled;

/// <summary>The input repeated to the shape of the output.</summary>
internal sealed class Repeat() : CompiledOperator("Expand")
{
    public override void Execute(KernelContext context) =>
        Broadcast.Expand<float>(context.Floats(0), context.Dims(0), context.OutputFloats(), context.OutputDims(), context.Workers);
}
