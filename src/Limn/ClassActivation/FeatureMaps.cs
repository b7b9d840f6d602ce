using System.Numerics;
using Limn.Engine;

namespace Limn.ClassActivation;

/// <summary>A layer's values as maps: channels over positions, whatever order the layer keeps them in.</summary>
/// <param name="Values">[rows, channels, positions].</param>
/// <param name="Layout">How the layer keeps them.</param>
internal sealed record FeatureMaps(NdArray Values, MapLayout Layout)
{
    public int Rows => Values.Dims[0];

    public int Channels => Values.Dims[1];

    public int Positions => Values.Dims[2];

    /// <summary>The values of a channel at all positions.</summary>
    public Span<float> Channel(int row, int channel) => Values.Floats.Slice((row * Channels + channel) * Positions, Positions);

    public static FeatureMaps Of(NdArray layer, MapLayout layout) => new(layout.ToMaps(layer), layout);

    /// <summary>Σ_c weight(row, c) · A_c, a map for each row: [rows · positions].</summary>
    public double[] Weighted(Func<int, int, double> weight)
    {
        var map = new double[Rows * Positions];
        for (int r = 0; r < Rows; r++)
            for (int c = 0; c < Channels; c++)
            {
                double w = weight(r, c);
                if (w == 0) continue;
                ReadOnlySpan<float> a = Channel(r, c);
                Span<double> sum = map.AsSpan(r * Positions, Positions);
                AddScaled(sum, w, a);
            }
        return map;
    }

    /// <summary>weight(row, c) · A_c, a map for each row and channel: [rows · channels · positions].</summary>
    public double[] Scaled(Func<int, int, double> weight)
    {
        var maps = new double[Values.Length];
        for (int r = 0; r < Rows; r++)
            for (int c = 0; c < Channels; c++)
            {
                double w = weight(r, c);
                ReadOnlySpan<float> a = Channel(r, c);
                Span<double> scaled = maps.AsSpan((r * Channels + c) * Positions, Positions);
                for (int p = 0; p < a.Length; p++) scaled[p] = w * a[p];
            }
        return maps;
    }

    /// <summary>Σ_c combine(A, other) at each position, a map for each row: [rows · positions].</summary>
    public double[] Combined(FeatureMaps other, Func<double, double, double> combine)
    {
        var map = new double[Rows * Positions];
        for (int r = 0; r < Rows; r++)
            for (int c = 0; c < Channels; c++)
            {
                ReadOnlySpan<float> a = Channel(r, c), b = other.Channel(r, c);
                Span<double> sum = map.AsSpan(r * Positions, Positions);
                for (int p = 0; p < a.Length; p++) sum[p] += combine(a[p], b[p]);
            }
        return map;
    }

    public static double Sum(ReadOnlySpan<float> values)
    {
        Vector<double> low = Vector<double>.Zero, high = Vector<double>.Zero;
        int at = 0;
        for (; at + Vector<float>.Count <= values.Length; at += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(values[at..]), out Vector<double> first, out Vector<double> second);
            (low, high) = (low + first, high + second);
        }
        double sum = Vector.Sum(low + high);
        foreach (float v in values[at..]) sum += v;
        return sum;
    }

    /// <summary>sum += w · a.</summary>
    private static void AddScaled(Span<double> sum, double w, ReadOnlySpan<float> a)
    {
        int at = 0;
        for (; at + Vector<float>.Count <= a.Length; at += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(a[at..]), out Vector<double> first, out Vector<double> second);
            Span<double> to = sum[at..];
            (new Vector<double>(to) + w * first).CopyTo(to);
            (new Vector<double>(to[Vector<double>.Count..]) + w * second).CopyTo(to[Vector<double>.Count..]);
        }
        for (; at < a.Length; at++) sum[at] += w * a[at];
    }

    public static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) sum += (double)a[i] * b[i];
        return sum;
    }
}
