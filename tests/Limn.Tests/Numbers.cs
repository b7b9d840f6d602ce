using System.Numerics.Tensors;

namespace Limn.Tests;

/// <summary>Comparing arrays.</summary>
internal static class Numbers
{
    public static float[] Of(Tensor<float> tensor)
    {
        var flat = new float[tensor.FlattenedLength];
        tensor.FlattenTo(flat);
        return flat;
    }

    /// <summary>‖a − b‖ / ‖b‖; a reference of one row is for all rows.</summary>
    public static double RelativeError(ReadOnlySpan<float> a, Tensor<double> b)
    {
        var reference = new double[b.FlattenedLength];
        b.FlattenTo(reference);
        if (a.Length != reference.Length && (b.Lengths[0] != 1 || a.Length % reference.Length != 0))
            throw new Xunit.Sdk.XunitException($"{a.Length} elements, and {reference.Length} in the reference");
        double difference = 0, norm = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double r = reference[i % reference.Length], d = a[i] - r;
            difference += d * d;
            norm += r * r;
        }
        return Math.Sqrt(difference) / Math.Max(Math.Sqrt(norm), 1e-12);
    }
}
