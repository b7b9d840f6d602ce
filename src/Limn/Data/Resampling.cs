using System.Numerics.Tensors;

namespace Limn.Data;

/// <summary>How a value between samples is found.</summary>
public enum Interpolation
{
    /// <summary>The two nearest samples along each axis, weighted by their closeness.</summary>
    Bilinear,

    /// <summary>The sample whose cell contains the point: ⌊(i + ½)·in/out⌋ (PyTorch <c>nearest-exact</c>, Pillow).</summary>
    Nearest,

    /// <summary>⌊i·in/out⌋: PyTorch's <c>nearest</c>, ONNX <c>asymmetric</c> with <c>floor</c>. Shifted by up to half a sample, but for whole ratios the same.</summary>
    NearestFloor,
}

/// <summary>
/// Resizes planes of numbers. Samples sit in the middle of their cells (half-pixel centres, <c>align_corners=False</c>): output i lies at
/// (i + ½)·in/out − ½ of the input, and what would lie outside is the border's value.
/// </summary>
/// <remarks>
/// Without antialiasing, bilinear interpolation looks at two samples an axis however much the picture shrinks, as PyTorch
/// <c>interpolate</c> and ONNX <c>Resize</c> do. With it, the triangle filter widens to the ratio in/out and its weights are normalised, as in
/// Pillow and torchvision (<c>antialias=True</c>). Rows first, then columns; float weights, sums in float. NaN spreads to what it touches.
/// </remarks>
public static class Resampling
{
    /// <summary>Resizes the last two dimensions (height, width) of a tensor of rank 2 or more, such as [C,H,W] or [N,C,H,W].</summary>
    /// <param name="planes">The planes.</param>
    /// <param name="size">The new width and height.</param>
    /// <param name="interpolation">How a value between samples is found.</param>
    /// <param name="antialias">Whether bilinear interpolation averages when it shrinks; no effect on nearest ones.</param>
    /// <exception cref="ShapeMismatchException">The rank is below 2, a plane is empty, or the new size is.</exception>
    public static Tensor<float> Resize(Tensor<float> planes, ImageSize size, Interpolation interpolation = Interpolation.Bilinear, bool antialias = false)
    {
        ArgumentNullException.ThrowIfNull(planes);
        if (planes.Rank < 2) throw new ShapeMismatchException($"Resizing needs planes of shape [..., height, width]; the tensor is {Tensors.Describe(planes)}.");
        nint[] lengths = planes.Lengths.ToArray();
        (int height, int width) = ((int)lengths[^2], (int)lengths[^1]);
        if (height < 1 || width < 1 || size.Width < 1 || size.Height < 1)
            throw new ShapeMismatchException($"Planes of {width}x{height} cannot be resized to {size}; all must be at least 1.");
        int count = (int)(planes.FlattenedLength / ((nint)height * width));
        lengths[^2] = size.Height;
        lengths[^1] = size.Width;
        // As a double, a product of three ints cannot overflow.
        if ((double)count * Math.Max(height, size.Height) * size.Width > Array.MaxLength)
            throw new ShapeMismatchException($"{count} planes of {size} do not fit into memory; resize fewer at a time, or to less.");
        float[] values = Resize(Tensors.Values(planes), count, height, width, size.Height, size.Width, interpolation, antialias);
        return Tensor.Create(values, lengths);
    }

    /// <summary>Resizes planes that lie one after the other.</summary>
    internal static float[] Resize(float[] planes, int count, int height, int width, int newHeight, int newWidth, Interpolation interpolation, bool antialias)
    {
        if ((height, width) == (newHeight, newWidth)) return planes;
        float[] wide = planes;
        if (width != newWidth)
        {
            wide = new float[count * height * newWidth];
            var along = Taps.For(width, newWidth, interpolation, antialias);
            for (int row = 0; row < count * height; row++) along.Row(planes.AsSpan(row * width, width), wide.AsSpan(row * newWidth, newWidth));
        }
        if (height == newHeight) return wide;
        float[] result = new float[count * newHeight * newWidth];
        var down = Taps.For(height, newHeight, interpolation, antialias);
        for (int plane = 0; plane < count; plane++)
        {
            ReadOnlySpan<float> rows = wide.AsSpan(plane * height * newWidth, height * newWidth);
            for (int i = 0; i < newHeight; i++) down.Mix(rows, i, result.AsSpan(((plane * newHeight) + i) * newWidth, newWidth));
        }
        return result;
    }

    /// <summary>For each output sample of an axis: where its inputs begin, and their weights, none of which is zero (0 · NaN is NaN).</summary>
    private sealed class Taps
    {
        private readonly int[] starts;
        private readonly float[][] weights;

        private Taps(int length) => (starts, weights) = (new int[length], new float[length][]);

        public static Taps For(int length, int newLength, Interpolation interpolation, bool antialias)
        {
            if (!Enum.IsDefined(interpolation)) throw new InvalidOptionException($"The interpolation {interpolation} is not known.");
            var taps = new Taps(newLength);
            double support = antialias ? Math.Max(1, (double)length / newLength) : 1;
            for (int i = 0; i < newLength; i++)
            {
                (taps.starts[i], taps.weights[i]) = interpolation switch
                {
                    Interpolation.Nearest => ((int)(((2L * i) + 1) * length / (2L * newLength)), [1f]),
                    Interpolation.NearestFloor => ((int)((long)i * length / newLength), [1f]),
                    _ => Triangle((i + 0.5) * length / newLength, support, length),
                };
            }
            return taps;
        }

        /// <summary>Resizes a row.</summary>
        public void Row(ReadOnlySpan<float> row, Span<float> output)
        {
            for (int i = 0; i < output.Length; i++)
            {
                float[] weight = weights[i];
                ReadOnlySpan<float> samples = row.Slice(starts[i], weight.Length);
                float sum = samples[0] * weight[0];
                for (int t = 1; t < samples.Length; t++) sum += samples[t] * weight[t];
                output[i] = sum;
            }
        }

        /// <summary>Output row <paramref name="i"/> of a plane.</summary>
        public void Mix(ReadOnlySpan<float> plane, int i, Span<float> output)
        {
            int width = output.Length;
            float[] weight = weights[i];
            TensorPrimitives.Multiply(plane.Slice(starts[i] * width, width), weight[0], output);
            for (int t = 1; t < weight.Length; t++)
                TensorPrimitives.MultiplyAdd(plane.Slice((starts[i] + t) * width, width), weight[t], output, output);
        }

        // A triangle as wide as the support on either side, cut off at the borders and normalised: with a support of 1 that is plain
        // bilinear interpolation with the border repeated. The middle of sample j is at j + 1/2; one is always within the support.
        private static (int Start, float[] Weights) Triangle(double centre, double support, int length)
        {
            int from = Math.Max(0, (int)(centre - support - 0.5));
            int to = Math.Min(length, (int)(centre + support + 0.5) + 1);
            while ((float)Weight(from) == 0) from++;
            while ((float)Weight(to - 1) == 0) to--;
            double sum = 0;
            for (int j = from; j < to; j++) sum += Weight(j);
            float[] normalised = new float[to - from];
            for (int j = from; j < to; j++) normalised[j - from] = (float)(Weight(j) / sum);
            return (from, normalised);

            double Weight(int j) => Math.Max(0, 1 - (Math.Abs(j + 0.5 - centre) / support));
        }
    }
}
