using System.Numerics.Tensors;
using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine;

namespace Limn.Data;

/// <summary>A separable Gaussian filter on the last two axes; the edge is repeated outwards (or the picture mirrored there), the kernel ends at four standard deviations.</summary>
internal static class GaussianBlur
{
    public static NdArray Planes(NdArray input, int height, int width, double sigma, bool mirror = false)
    {
        double[][] down = Weights(height, sigma, mirror), across = Weights(width, sigma, mirror);
        NdArray output = NdArray.Create(input.Type, input.Dims.ToArray());
        var plane = new double[height * width];
        for (int p = 0; p < input.Length / plane.Length; p++)
        {
            TensorPrimitives.ConvertTruncating(input.Floats.Slice(p * plane.Length, plane.Length), plane);
            double[] blurred = Transpose(Mix(Transpose(Mix(plane, down, width), height, width), across, height), width, height);
            TensorPrimitives.ConvertTruncating<double, float>(blurred, output.Floats.Slice(p * plane.Length, plane.Length));
        }
        return output;
    }

    /// <summary>The same on the last axis of a value (and the one before it, where there are both height and width).</summary>
    public static Value Planes(GraphBuilder graph, Value input, int height, int width, double sigma)
    {
        Value across = graph.Along(input, input.Rank - 1, Matrix(width, sigma));
        return height == 1 ? across : graph.Along(across, input.Rank - 2, Matrix(height, sigma));
    }

    private static NdArray Matrix(int n, double sigma)
    {
        double[][] weights = Weights(n, sigma);
        NdArray matrix = NdArray.Create(ElementType.Float, n, n);
        for (int to = 0; to < n; to++)
            for (int from = 0; from < n; from++) matrix.Floats[from * n + to] = (float)weights[to][from];
        return matrix;
    }

    /// <summary>What each of n positions takes from each other; what the kernel takes from beyond an edge, it takes from the edge, or from as far inside it.</summary>
    private static double[][] Weights(int n, double sigma, bool mirror = false)
    {
        int radius = Math.Max(1, (int)Math.Ceiling(4 * sigma));
        double[] kernel = [.. Enumerable.Range(-radius, 2 * radius + 1).Select(i => Math.Exp(-0.5 * i * i / (sigma * sigma)))];
        double sum = kernel.Sum();
        var weights = new double[n][];
        for (int to = 0; to < n; to++)
        {
            weights[to] = new double[n];
            for (int i = -radius; i <= radius; i++) weights[to][mirror ? Mirrored(to + i, n) : Math.Clamp(to + i, 0, n - 1)] += kernel[i + radius] / sum;
        }
        return weights;
    }

    /// <summary>... 2 1 0 | 0 1 2 ... n-1 | n-1 n-2 ...</summary>
    private static int Mirrored(int i, int n)
    {
        int at = ((i % (2 * n)) + 2 * n) % (2 * n);
        return at < n ? at : 2 * n - 1 - at;
    }

    /// <summary>Each line becomes a mixture of all lines.</summary>
    private static double[] Mix(double[] lines, double[][] weights, int length)
    {
        var mixed = new double[lines.Length];
        for (int to = 0; to < weights.Length; to++)
        {
            Span<double> line = mixed.AsSpan(to * length, length);
            for (int from = 0; from < weights.Length; from++)
                if (weights[to][from] != 0) TensorPrimitives.MultiplyAdd(lines.AsSpan(from * length, length), weights[to][from], line, line);
        }
        return mixed;
    }

    private static double[] Transpose(double[] plane, int rows, int columns)
    {
        var turned = new double[plane.Length];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++) turned[c * rows + r] = plane[r * columns + c];
        return turned;
    }
}
