namespace Limn.Engine.Training;

/// <summary>Starting values of weights.</summary>
public static class Initialization
{
    /// <summary>
    /// Normal numbers of variance 2 / fan-in, which keep the variance of activations through ReLU layers; the fan-in is the product of
    /// all dimensions but the first (weights [out, in, kernel...]), or the first one of a matrix [in, out] when <paramref name="fanInFirst"/>.
    /// He et al.: Delving Deep into Rectifiers, 2015, eq. 10.
    /// </summary>
    public static NdArray He(CounterRandom random, bool fanInFirst, params int[] dims)
    {
        NdArray weights = NdArray.Create(ElementType.Float, dims);
        int fanIn = fanInFirst ? dims[0] : weights.Length / Math.Max(1, dims[0]);
        random.FillNormal(weights.Floats);
        float scale = MathF.Sqrt(2f / Math.Max(1, fanIn));
        foreach (ref float w in weights.Floats) w *= scale;
        return weights;
    }
}
