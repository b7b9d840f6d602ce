using System.Numerics;

namespace Limn.Engine.Kernels;

/// <summary>
/// Convolutions of little work, accumulated in double and rounded once. They cost next to nothing either way, and in networks this
/// small the last bit of a sum often decides which element of a pooling window wins at one of many points of a path.
/// </summary>
internal static unsafe class SmallConvolution
{
    /// <summary>Multiply-adds an image up to which a convolution counts as small. Not those of the batch: a row's result must not depend on its neighbours.</summary>
    public const long MostWork = 1 << 20;

    private const int TileRows = 4;

    public static bool Suits(in ConvolutionShape shape) =>
        (long)shape.OutPerGroup * shape.InPerGroup * shape.KernelVolume * shape.OutputPositions * shape.Groups <= MostWork;

    /// <summary>y = scale · (the convolution of x with w) + shift, with a scale and a shift for each output channel; null for 1 and for 0.</summary>
    public static void Forward(ConvolutionShape shape, float* x, float* w, double* scale, double* shift, float* y, Workers workers)
    {
        int m = shape.OutPerGroup, n = shape.OutputPositions, k = shape.InPerGroup * shape.KernelVolume;
        int columns = (n + Vector<double>.Count - 1) / Vector<double>.Count * Vector<double>.Count;
        workers.For(shape.Batch * shape.Groups, image =>
        {
            int group = image % shape.Groups;
            using var scratch = new Scratch(2L * columns * k + 2L * Vector<double>.Count);
            double* patches = (double*)scratch.Pointer;
            Patches(shape, x + (nint)image * shape.InPerGroup * shape.InputPositions, patches, columns);
            for (int row = 0; row < m; row += TileRows)
                for (int column = 0; column < n; column += Vector<double>.Count)
                    Tile(Math.Min(TileRows, m - row), Math.Min(Vector<double>.Count, n - column), k, w + ((nint)group * m + row) * k,
                        patches + column, columns, Offset(scale, group * m + row), Offset(shift, group * m + row), y + ((nint)image * m + row) * n + column, n);
        });
    }

    /// <summary>The value that each tap meets at each output position, [channels x taps, positions]; zero in the padding.</summary>
    private static void Patches(in ConvolutionShape shape, float* x, double* patches, int columns)
    {
        int n = shape.OutputPositions;
        double* row = patches;
        for (int c = 0; c < shape.InPerGroup; c++, x += shape.InputPositions)
            for (int kd = 0; kd < shape.Depth.Kernel; kd++)
                for (int kh = 0; kh < shape.Height.Kernel; kh++)
                    for (int kw = 0; kw < shape.Width.Kernel; kw++, row += columns)
                    {
                        double* to = row;
                        for (int d = 0; d < shape.Depth.Output; d++)
                        {
                            int z = Position(shape.Depth, d, kd);
                            for (int h = 0; h < shape.Height.Output; h++)
                            {
                                int line = Position(shape.Height, h, kh);
                                bool inside = (uint)z < (uint)shape.Depth.Input && (uint)line < (uint)shape.Height.Input;
                                float* from = x + ((nint)z * shape.Height.Input + line) * shape.Width.Input;
                                for (int v = 0; v < shape.Width.Output; v++)
                                {
                                    int at = Position(shape.Width, v, kw);
                                    *to++ = inside && (uint)at < (uint)shape.Width.Input ? from[at] : 0;
                                }
                            }
                        }
                        for (int j = n; j < columns; j++) *to++ = 0;
                    }
    }

    private static double* Offset(double* factors, int by) => factors == null ? null : factors + by;

    private static int Position(in WindowAxis axis, int output, int tap) => output * axis.Stride + tap * axis.Dilation - axis.PadBegin;

    private static void Tile(int rows, int columns, int k, float* w, double* patches, int stride, double* scale, double* shift, float* y, int yStride)
    {
        float* w1 = w + Math.Min(1, rows - 1) * (nint)k, w2 = w + Math.Min(2, rows - 1) * (nint)k, w3 = w + Math.Min(3, rows - 1) * (nint)k;
        Vector<double> a0 = Vector<double>.Zero, a1 = a0, a2 = a0, a3 = a0;
        for (int p = 0; p < k; p++, patches += stride)
        {
            Vector<double> v = *(Vector<double>*)patches;
            a0 += v * w[p];
            a1 += v * w1[p];
            a2 += v * w2[p];
            a3 += v * w3[p];
        }
        for (int r = 0; r < rows; r++)
        {
            Vector<double> sum = r switch { 0 => a0, 1 => a1, 2 => a2, _ => a3 };
            double a = scale == null ? 1 : scale[r], b = shift == null ? 0 : shift[r];
            for (int j = 0; j < columns; j++) y[(nint)r * yStride + j] = (float)(a * sum[j] + b);
        }
    }
}
