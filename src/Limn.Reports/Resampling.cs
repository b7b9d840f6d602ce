namespace Limn.Reports;

/// <summary>Changes the size of a map by triangle filtering: bilinear interpolation when it grows, an average over the pixels that merge when it shrinks.</summary>
/// <remarks>
/// Pixel centres lie at half-integers in both sizes (PyTorch's <c>align_corners=false</c>). Weights are normalised at the edges. A result is NaN
/// exactly where a source pixel of non-zero weight is not finite.
/// </remarks>
internal static class Resampling
{
    public static float[] Resize(ReadOnlySpan<float> map, int height, int width, int newHeight, int newWidth)
    {
        if (height == newHeight && width == newWidth)
        {
            return map.ToArray();
        }

        (int First, float[] Weights)[] columns = Taps(width, newWidth), rows = Taps(height, newHeight);
        float[] wide = new float[checked(height * newWidth)];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < newWidth; x++)
            {
                wide[(y * newWidth) + x] = Sum(map, (y * width) + columns[x].First, 1, columns[x].Weights);
            }
        }

        float[] result = new float[checked(newHeight * newWidth)];
        for (int y = 0; y < newHeight; y++)
        {
            for (int x = 0; x < newWidth; x++)
            {
                result[(y * newWidth) + x] = Sum(wide, (rows[y].First * newWidth) + x, newWidth, rows[y].Weights);
            }
        }

        return result;
    }

    private static float Sum(ReadOnlySpan<float> values, int start, int stride, float[] weights)
    {
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            float value = values[start + (i * stride)];
            if (weights[i] != 0)
            {
                sum += float.IsFinite(value) ? (double)weights[i] * value : double.NaN;
            }
        }

        return (float)sum;
    }

    private static (int First, float[] Weights)[] Taps(int size, int newSize)
    {
        double step = (double)size / newSize, support = Math.Max(1, step);
        var taps = new (int, float[])[newSize];
        for (int i = 0; i < newSize; i++)
        {
            double centre = ((i + 0.5) * step) - 0.5;
            int first = Math.Max(0, (int)Math.Ceiling(centre - support)), last = Math.Min(size - 1, (int)Math.Floor(centre + support));
            double[] weights = [.. Enumerable.Range(first, last - first + 1).Select(j => Math.Max(0, 1 - (Math.Abs(j - centre) / support)))];
            double total = weights.Sum();
            taps[i] = (first, [.. weights.Select(w => (float)(w / total))]);
        }

        return taps;
    }
}
