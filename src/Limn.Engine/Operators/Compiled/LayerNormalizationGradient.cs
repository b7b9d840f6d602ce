using Limn.Engine.Kernels;

namespace Limn.Engine.Operators.Compiled;

/// <summary>The gradient of layer normalisation over the last axis by its input. Inputs: what arrives, x, μ and d, then the scale and what is added to the result, as far as there are such.</summary>
internal sealed class LayerNormalizationGradient(bool isScaled, bool isAdded) : CompiledOperator(isAdded ? "LayerNormalizationGradient+Add" : "LayerNormalizationGradient")
{
    public override bool MayOverwrite(int input) => input == 0 || (isAdded && input == (isScaled ? 5 : 4));

    public override unsafe void Execute(KernelContext context)
    {
        int length = context.OutputDims()[^1];
        fixed (float* dy = context.Floats(0), x = context.Floats(1), mean = context.Floats(2), inverse = context.Floats(3),
            scale = isScaled ? context.Floats(4) : [], added = isAdded ? context.Floats(isScaled ? 5 : 4) : [], dx = context.OutputFloats())
            LayerNormalizationBackward.Run(dy, x, mean, inverse, scale, added, dx, length == 0 ? 0 : context.Output(0).Length / length, length, context.Workers);
    }
}
