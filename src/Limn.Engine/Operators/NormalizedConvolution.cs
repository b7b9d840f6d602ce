using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>
/// A convolution and the batch normalisation after it. Made by the compiler, never part of a graph. Inputs: those of the convolution
/// (with a place for the bias), then scale, bias, mean and variance.
/// </summary>
internal sealed class NormalizedConvolution(Conv convolution, BatchNormalization normalization) : Operator
{
    public override string Name => "Conv+BatchNormalization";

    public override string Domain => "limn";

    public Conv Convolution => convolution;

    public override void Infer(InferenceContext context) => convolution.Infer(context);

    /// <summary>The factor and the number to add that a bias, the convolution's own, and the normalisation come to, for each output channel.</summary>
    /// <param name="statistics">Scale, bias, mean and variance.</param>
    /// <param name="bias">The bias of the convolution; null for none.</param>
    public (double[] Scale, float[] Shift) Factors(IReadOnlyList<NdArray> statistics, float[]? bias)
    {
        var scale = new double[statistics[0].Length];
        var shift = new double[scale.Length];
        Normalization.BatchNormFactors(statistics[0].Floats, statistics[1].Floats, statistics[2].Floats, statistics[3].Floats, normalization.Epsilon, scale, shift);
        for (int c = 0; c < scale.Length && bias is not null; c++) shift[c] += scale[c] * bias[c];
        return (scale, Array.ConvertAll(shift, s => (float)s));
    }

    public override void Execute(KernelContext context)
    {
        int channels = context.OutputDims()[1];
        var scale = new double[channels];
        var shift = new double[channels];
        Normalization.BatchNormFactors(context.Floats(3), context.Floats(4), context.Floats(5), context.Floats(6), normalization.Epsilon, scale, shift);
        ReadOnlySpan<float> bias = context.FloatsOrEmpty(2);
        for (int c = 0; c < bias.Length; c++) shift[c] += scale[c] * bias[c];
        Kernels.Convolution.Forward(convolution.ShapeFor(context), context.Floats(0), context.Floats(1), scale, shift, context.OutputFloats(), context.Workers);
    }
}
