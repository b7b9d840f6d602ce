using System.Numerics.Tensors;
using Limn.Engine;

namespace Limn.Data;

public static partial class Segmentation
{
    /// <summary>Quick shift: each pixel follows its nearest neighbour of higher density; those that end at the same mode are a segment.</summary>
    /// <remarks>
    /// In the joint space of colour (times <paramref name="ratio"/>) and place, with d their distance: density P(p) = Σ exp(−d(p,q)² / 2h²) over
    /// the square of ±⌈3h⌉ pixels, h the kernel size; the parent of p is the nearest q of that square with P(q) &gt; P(p) and d(p,q) at most
    /// <paramref name="maximumDistance"/>; a pixel without one is a mode. Of equal densities that of the earlier pixel (row by row) counts as higher,
    /// and of equally near parents the earlier is taken, so that a surface of one colour is one segment; densities are rounded to
    /// float before they are compared, so that the order of a sum does not decide. scikit-image breaks ties by random numbers instead.
    /// Colours are not stretched: CIELAB expects 0 to 1. Vedaldi, Soatto: Quick Shift and Kernel Methods for Mode Seeking, ECCV 2008, eq. 3 and 10.
    /// </remarks>
    /// <param name="picture">Channels, height, width.</param>
    /// <param name="ratio">How much colour counts against place.</param>
    /// <param name="kernelSize">h: the width of the density kernel in pixels, at least 1. Larger, fewer segments.</param>
    /// <param name="maximumDistance">The longest step to a parent. Larger, fewer segments.</param>
    /// <param name="sigma">The standard deviation of the smoothing in pixels; 0 for none.</param>
    /// <param name="convertToLab">Whether red, green and blue are compared in CIELAB. Null: if there are three channels.</param>
    /// <returns>The segment of each pixel, row by row.</returns>
    /// <exception cref="ShapeMismatchException">The picture has not three dimensions, or no pixels.</exception>
    /// <exception cref="InvalidDataException">The picture holds NaN or infinity.</exception>
    /// <exception cref="InvalidOptionException">An option is out of range, or CIELAB is asked for without three channels.</exception>
    public static int[] Quickshift(NdArray picture, double ratio = 1, double kernelSize = 5, double maximumDistance = 10, double sigma = 0, bool? convertToLab = null)
    {
        (int height, int width) = Measure(picture);
        if (!(ratio >= 0) || !double.IsFinite(ratio)) throw new InvalidOptionException($"The ratio of quick shift is a number from 0 up, and {ratio} was given.");
        if (!(kernelSize >= 1) || !double.IsFinite(kernelSize)) throw new InvalidOptionException($"The kernel size of quick shift is a number from 1 up, and {kernelSize} was given.");
        if (!(maximumDistance >= 0)) throw new InvalidOptionException($"The maximum distance of quick shift is from 0 up, and {maximumDistance} was given.");
        if (!(sigma >= 0)) throw new InvalidOptionException($"The smoothing of quick shift cannot be negative; sigma {sigma} was given.");

        NdArray colours = Colours(picture, convertToLab);
        if (sigma > 0) colours = GaussianBlur.Planes(colours, height, width, sigma, mirror: true);
        var features = new float[picture.Length];
        TensorPrimitives.Multiply(colours.Floats, (float)ratio, features);

        int reach = (int)Math.Min(Math.Ceiling(3 * kernelSize), Math.Max(height, width));
        float[] densities = Densities(features, height, width, reach, kernelSize);
        int[] roots = Parents(features, densities, height, width, (int)Math.Min(reach, maximumDistance), maximumDistance * maximumDistance);
        for (int i = 0; i < roots.Length; i++)
        {
            int root = i;
            while (roots[root] != root) root = roots[root];
            for (int at = i; at != root;) (at, roots[at]) = (roots[at], root);
        }
        return FromLabels(roots);
    }

    /// <summary>P of each pixel: a row of pixels at a time against the same row, shifted.</summary>
    private static float[] Densities(float[] features, int height, int width, int reach, double kernelSize)
    {
        float scale = (float)(-0.5 / (kernelSize * kernelSize));
        int channels = features.Length / (height * width);
        var densities = new float[height * width];
        float[] difference = new float[width], squares = new float[width], line = new float[width];
        double[] wide = new double[width], sum = new double[width];
        for (int y = 0; y < height; y++)
        {
            Array.Clear(sum);
            for (int other = Math.Max(0, y - reach); other <= Math.Min(height - 1, y + reach); other++)
            {
                Array.Clear(line);
                for (int shift = -Math.Min(reach, width - 1); shift <= Math.Min(reach, width - 1); shift++)
                {
                    int from = Math.Max(0, -shift), length = width - Math.Abs(shift);
                    Span<float> d = difference.AsSpan(0, length), d2 = squares.AsSpan(0, length), total = line.AsSpan(from, length);
                    d2.Fill((y - other) * (y - other) + shift * shift);
                    for (int c = 0; c < channels; c++)
                    {
                        int plane = c * height * width;
                        TensorPrimitives.Subtract<float>(features.AsSpan(plane + y * width + from, length), features.AsSpan(plane + other * width + from + shift, length), d);
                        TensorPrimitives.MultiplyAdd(d, d, d2, d2);
                    }
                    TensorPrimitives.Multiply(d2, scale, d2);
                    TensorPrimitives.Exp<float>(d2, d2);
                    TensorPrimitives.Add<float>(total, d2, total);
                }
                TensorPrimitives.ConvertTruncating<float, double>(line, wide); // long sums in double
                TensorPrimitives.Add<double>(sum, wide, sum);
            }
            TensorPrimitives.ConvertTruncating<double, float>(sum, densities.AsSpan(y * width, width));
        }
        return densities;
    }

    /// <summary>The nearest pixel of higher density of each pixel, or itself: neighbours from near to far, until none can be nearer than the one found.</summary>
    private static int[] Parents(float[] features, float[] densities, int height, int width, int reach, double furthest)
    {
        int plane = height * width;
        int[] reaches = [.. Enumerable.Range(-reach, 2 * reach + 1)];
        (int Down, int Right, int Square)[] steps =
            [.. reaches.SelectMany(d => reaches.Select(r => (d, r, d * d + r * r))).Where(s => s.Item3 > 0 && s.Item3 <= furthest).OrderBy(s => s.Item3)]; // stable: row by row
        var parents = new int[plane];
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
            {
                int p = y * width + x, parent = p;
                double closest = furthest;
                foreach (var (down, right, square) in steps)
                {
                    if (square > closest) break;
                    if ((uint)(y + down) >= (uint)height || (uint)(x + right) >= (uint)width) continue;
                    int q = p + down * width + right;
                    if (!(densities[q] > densities[p] || (densities[q] == densities[p] && q < p))) continue;
                    double distance = square;
                    for (int c = 0; c < features.Length; c += plane)
                    {
                        double difference = (double)features[c + p] - features[c + q];
                        distance += difference * difference;
                    }
                    if (distance < closest || (distance == closest && (parent == p || q < parent))) (closest, parent) = (distance, q);
                }
                parents[p] = parent;
            }
        return parents;
    }
}
