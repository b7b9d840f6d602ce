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
    /// Extrapolated colours would grow from pixel to pixel across a wide hole; therefore I(p) is kept between the smallest and the largest
    /// I(q) of its channel. Without <paramref name="extrapolate"/> the gradients' part is left out, which is smoother and on photographs nearer to
    /// what was there; OpenCV, which divides that part by its own length, is all but the same.
    /// If every pixel is missing (a coalition without any segment) nothing surrounds the hole: then each channel is its mean over the
    /// picture. This is the only case in which missing values are looked at.
    /// </remarks>
    /// <param name="picture">Channels, height, width.</param>
    /// <param name="missing">Which pixels to fill, in all channels; row by row.</param>
    /// <param name="radius">ε in pixels.</param>
    /// <param name="extrapolate">Whether the gradients at the known pixels count, as in the paper.</param>
    /// <returns>A copy of the picture, filled.</returns>
    /// <exception cref="ShapeMismatchException">The picture has not three dimensions or no pixels, or <paramref name="missing"/> is not one value a pixel.</exception>
    /// <exception cref="InvalidDataException">A value that is not missing is NaN or infinite.</exception>
    /// <exception cref="InvalidOptionException">The radius is below 1.</exception>
    public static NdArray Telea(NdArray picture, ReadOnlySpan<bool> missing, int radius = 3, bool extrapolate = true)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (picture.Rank != 3 || picture.Length == 0)
            throw new ShapeMismatchException($"A picture to fill has the shape [channels, height, width], each at least 1, and {NdArray.Describe(picture.Dims)} was given.");
        int channels = picture.Dims[0], height = picture.Dims[1], width = picture.Dims[2], plane = height * width;
        if (missing.Length != plane) throw new ShapeMismatchException($"A picture of {height} x {width} pixels needs {plane} values for which are missing, and {missing.Length} were given.");
        if (radius < 1) throw new InvalidOptionException($"The radius of inpainting is at least 1 pixel, and {radius} was given.");

        NdArray filled = picture.Copy();
        bool all = !missing.Contains(false);
        for (int c = 0; c < channels; c++)
        {
            Span<float> values = filled.Floats.Slice(c * plane, plane);
            for (int i = 0; i < plane; i++)
                if ((all || !missing[i]) && !float.IsFinite(values[i]))
                    throw new InvalidDataException($"The picture holds {values[i]} in channel {c} at ({i / width}, {i % width}), which a hole cannot be filled from. Mark the pixel as missing too.");
            if (all) values.Fill(Mean(values));
        }
        radius = Math.Min(radius, height + width); // there is nothing further away
        if (!all && missing.Contains(true)) Fill(filled, new FastMarching(missing, height, width, radius), radius, extrapolate);
        return filled;
    }

    private static void Fill(NdArray picture, FastMarching march, int radius, bool extrapolate)
    {
        int channels = picture.Dims[0], height = picture.Dims[1], width = picture.Dims[2], plane = height * width;
        int[] reaches = [.. Enumerable.Range(-radius, 2 * radius + 1)];
        (int Right, int Down)[] around =
            [.. reaches.SelectMany(d => reaches.Select(r => (r, d))).Where(o => o is not (0, 0) && o.r * o.r + o.d * o.d <= radius * radius)];
        double[] sums = new double[channels], lows = new double[channels], highs = new double[channels];
        foreach (int p in march.Inwards())
        {
            int x = p % width, y = p / width;
            (double tx, double ty) = march.Around(p).Slope(march.Distance);
            double total = 0;
            Array.Clear(sums);
            Array.Fill(lows, double.PositiveInfinity);
            Array.Fill(highs, double.NegativeInfinity);
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
                for (int c = 0; c < channels; c++)
                {
                    ReadOnlySpan<float> values = picture.Floats.Slice(c * plane, plane);
                    double value = values[q];
                    (lows[c], highs[c]) = (Math.Min(lows[c], value), Math.Max(highs[c], value));
                    (double ix, double iy) = extrapolate ? sides.Slope(values) : default;
                    sums[c] += weight * (value - ix * right - iy * down); // q - p is (right, down)
                }
            }
            for (int c = 0; c < channels; c++) picture.Floats[c * plane + p] = (float)Math.Clamp(sums[c] / total, lows[c], highs[c]);
        }
    }

    private static float Mean(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float v in values) sum += v;
        return (float)(sum / values.Length);
    }
}
