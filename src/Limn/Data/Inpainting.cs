using System.Numerics.Tensors;
using Limn.Engine;

namespace Limn.Data;

/// <summary>Fills what is missing in a picture from what surrounds it.</summary>
public static class Inpainting
{
    private const double LeastDirection = 1e-6;

    /// <summary>Telea's inpainting: the hole is filled from its border inwards, each pixel by a weighted mean of the known pixels around it.</summary>
    /// <remarks>
    /// I(p) = Σ w(p,q) (I(q) + ∇I(q)·(p − q)) / Σ w(p,q) over the known q with ‖p − q‖ ≤ ε, the radius; w = dir · dst · lev, where
    /// dir = |(p − q)·∇T(p)| / ‖p − q‖ (at least 10⁻⁶), dst = 1 / ‖p − q‖², lev = 1 / (1 + |T(p) − T(q)|), and T is the distance from the border
    /// of the hole, negative outside, by fast marching. Gradients are differences of known neighbours: central, one-sided, or 0.
    /// Pixels are filled in the order of T, row by row at the same distance. Alexandru Telea: An Image Inpainting Technique Based on the Fast
    /// Marching Method, Journal of Graphics Tools 9(1), 2004, eq. 2 and 3.
    /// Extrapolation could leave the range of colours and grow from pixel to pixel, therefore each channel is kept between its smallest
    /// and largest known value. OpenCV, instead, divides the gradients' part by its own length.
    /// If every pixel is missing (a coalition without any segment) nothing surrounds the hole: then each channel is its mean over the
    /// picture. This is the only case in which missing values are looked at.
    /// </remarks>
    /// <param name="picture">Channels, height, width.</param>
    /// <param name="missing">Which pixels to fill, in all channels; row by row.</param>
    /// <param name="radius">ε in pixels.</param>
    /// <returns>A copy of the picture, filled.</returns>
    /// <exception cref="ShapeMismatchException">The picture has not three dimensions or no pixels, or <paramref name="missing"/> is not one value a pixel.</exception>
    /// <exception cref="InvalidDataException">A value that is not missing is NaN or infinite.</exception>
    /// <exception cref="InvalidOptionException">The radius is below 1.</exception>
    public static NdArray Telea(NdArray picture, ReadOnlySpan<bool> missing, int radius = 3)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (picture.Rank != 3 || picture.Length == 0)
            throw new ShapeMismatchException($"A picture to fill has the shape [channels, height, width], each at least 1, and {NdArray.Describe(picture.Dims)} was given.");
        int channels = picture.Dims[0], height = picture.Dims[1], width = picture.Dims[2], plane = height * width;
        if (missing.Length != plane) throw new ShapeMismatchException($"A picture of {height} x {width} pixels needs {plane} values for which are missing, and {missing.Length} were given.");
        if (radius < 1) throw new InvalidOptionException($"The radius of inpainting is at least 1 pixel, and {radius} was given.");

        NdArray filled = picture.Copy();
        bool all = !missing.Contains(false);
        var ranges = new (float Low, float High)[channels];
        for (int c = 0; c < channels; c++)
        {
            Span<float> values = filled.Floats.Slice(c * plane, plane);
            ranges[c] = Range(values, all ? new bool[plane] : missing);
            if (all) values.Fill(Math.Clamp((float)(Sum(values) / plane), ranges[c].Low, ranges[c].High));
        }
        if (!all && missing.Contains(true)) Fill(filled, new FastMarching(missing, height, width, radius), ranges, radius);
        return filled;
    }

    private static void Fill(NdArray picture, FastMarching march, (float Low, float High)[] ranges, int radius)
    {
        int height = picture.Dims[1], width = picture.Dims[2], plane = height * width;
        int[] reaches = [.. Enumerable.Range(-radius, 2 * radius + 1)];
        (int Right, int Down)[] around =
            [.. reaches.SelectMany(d => reaches.Select(r => (r, d))).Where(o => o is not (0, 0) && o.r * o.r + o.d * o.d <= radius * radius)];
        var sums = new double[ranges.Length];
        foreach (int p in march.Inwards())
        {
            int x = p % width, y = p / width;
            (double tx, double ty) = march.Around(p).Slope(march.Distance);
            double total = 0;
            Array.Clear(sums);
            foreach (var (right, down) in around)
            {
                if ((uint)(x + right) >= (uint)width || (uint)(y + down) >= (uint)height) continue;
                int q = p + down * width + right;
                if (!march.Known[q]) continue;
                double square = right * right + down * down;
                double direction = Math.Max(Math.Abs(right * tx + down * ty) / Math.Sqrt(square), LeastDirection);
                double weight = direction / square / (1 + Math.Abs(march.Distance[p] - march.Distance[q]));
                FastMarching.Sides sides = march.Around(q);
                total += weight;
                for (int c = 0; c < sums.Length; c++)
                {
                    ReadOnlySpan<float> values = picture.Floats.Slice(c * plane, plane);
                    (double ix, double iy) = sides.Slope(values);
                    sums[c] += weight * (values[q] - ix * right - iy * down);
                }
            }
            for (int c = 0; c < sums.Length; c++) picture.Floats[c * plane + p] = Math.Clamp((float)(sums[c] / total), ranges[c].Low, ranges[c].High);
        }
    }

    private static (float Low, float High) Range(ReadOnlySpan<float> values, ReadOnlySpan<bool> missing)
    {
        (float low, float high) = (float.PositiveInfinity, float.NegativeInfinity);
        for (int i = 0; i < values.Length; i++)
        {
            if (missing[i]) continue;
            if (!float.IsFinite(values[i]))
                throw new InvalidDataException($"The picture holds {values[i]} at a pixel that is not missing; a hole cannot be filled from it. Mark it as missing too.");
            (low, high) = (Math.Min(low, values[i]), Math.Max(high, values[i]));
        }
        return (low, high);
    }

    private static double Sum(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float v in values) sum += v;
        return sum;
    }
}
