using System.Numerics.Tensors;
using Limn.Engine;

namespace Limn.Games;

/// <summary>A linear way from the cells of a coarse mask to the pixels of a picture, along each side by itself, and back for gradients.</summary>
internal sealed class MaskMap
{
    private readonly float[][] down, across; // for each cell what it gives to each pixel of its side

    private MaskMap(float[][] down, float[][] across) => (this.down, this.across) = (down, across);

    /// <summary>Cells along the height and along the width.</summary>
    public (int Rows, int Columns) Cells => (down.Length, across.Length);

    public int Count => down.Length * across.Length;

    private int Width => across[0].Length;

    /// <summary>Each pixel takes the value of its cell, and the whole is blurred.</summary>
    public static MaskMap Blurred(int height, int width, int rows, int columns, double sigma) => new(Blurred(height, rows, sigma), Blurred(width, columns, sigma));

    /// <summary>Between the centres of cells of a step's width values are interpolated.</summary>
    public static MaskMap Bilinear(int height, int width, int step) => new(Bilinear(height, step), Bilinear(width, step));

    /// <summary>From cells to pixels.</summary>
    public void Enlarge(ReadOnlySpan<float> cells, Span<float> pixels)
    {
        float[] line = new float[Width];
        pixels.Clear();
        for (int i = 0; i < down.Length; i++)
        {
            Array.Clear(line);
            for (int j = 0; j < across.Length; j++) TensorPrimitives.MultiplyAdd(across[j], cells[i * across.Length + j], line, line);
            for (int y = 0; y < down[i].Length; y++)
                if (down[i][y] != 0) TensorPrimitives.MultiplyAdd(line, down[i][y], pixels.Slice(y * Width, Width), pixels.Slice(y * Width, Width));
        }
    }

    /// <summary>From the gradient at pixels to that at cells.</summary>
    public void Reduce(ReadOnlySpan<float> pixels, Span<float> cells)
    {
        float[] line = new float[Width];
        for (int i = 0; i < down.Length; i++)
        {
            Array.Clear(line);
            for (int y = 0; y < down[i].Length; y++)
                if (down[i][y] != 0) TensorPrimitives.MultiplyAdd(pixels.Slice(y * Width, Width), down[i][y], line, line);
            for (int j = 0; j < across.Length; j++) cells[i * across.Length + j] = TensorPrimitives.Dot<float>(line, across[j]);
        }
    }

    private static float[][] Blurred(int size, int cells, double sigma)
    {
        int reach = (int)Math.Ceiling(4 * sigma);
        double[] kernel = [.. Enumerable.Range(-reach, 2 * reach + 1).Select(k => reach == 0 ? 1 : Math.Exp(-0.5 * k * k / (sigma * sigma)))];
        double sum = kernel.Sum();
        float[][] weights = Empty(cells, size);
        for (int p = 0; p < size; p++)
            for (int k = -reach; k <= reach; k++) weights[(int)((long)Math.Clamp(p + k, 0, size - 1) * cells / size)][p] += (float)(kernel[k + reach] / sum);
        return weights;
    }

    private static float[][] Bilinear(int size, int step)
    {
        int cells = (size + step - 1) / step;
        float[][] weights = Empty(cells, size);
        for (int p = 0; p < size; p++)
        {
            double centre = Math.Clamp((p + 0.5) / step - 0.5, 0, cells - 1);
            int low = (int)centre;
            weights[low][p] += (float)(1 - (centre - low));
            weights[Math.Min(low + 1, cells - 1)][p] += (float)(centre - low);
        }
        return weights;
    }

    private static float[][] Empty(int cells, int size) => [.. Enumerable.Range(0, cells).Select(_ => new float[size])];
}
