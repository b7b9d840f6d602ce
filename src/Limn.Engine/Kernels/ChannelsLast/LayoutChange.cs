using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>Between channels-first, [N, C, P], and channels-last, [N, P, C], where P are the positions of an image: each image is a matrix to be transposed.</summary>
internal static unsafe class LayoutChange
{
    /// <summary>Rows and columns of a block, whose lines in both matrices stay in the first-level cache.</summary>
    private const int Block = 64;

    /// <summary>y[n, p, c] = x[n, c, p].</summary>
    public static void ToChannelsLast(int batch, int channels, int positions, float* x, float* y, Workers workers) =>
        Transpose(VectorWidths.Best, batch, channels, positions, x, y, workers);

    /// <summary>y[n, c, p] = x[n, p, c].</summary>
    public static void ToChannelsFirst(int batch, int channels, int positions, float* x, float* y, Workers workers) =>
        Transpose(VectorWidths.Best, batch, positions, channels, x, y, workers);

    /// <summary>y[n, c, r] = x[n, r, c].</summary>
    /// <param name="vectors">The widest vectors to use; those that the processor lacks are not.</param>
    /// <param name="batch">Matrices.</param>
    /// <param name="rows">Rows of x.</param>
    /// <param name="columns">Columns of x.</param>
    /// <param name="x">The matrices.</param>
    /// <param name="y">Their transposes; not x.</param>
    /// <param name="workers">The threads.</param>
    public static void Transpose(VectorWidth vectors, int batch, int rows, int columns, float* x, float* y, Workers workers)
    {
        if (batch == 0 || rows == 0 || columns == 0) return;
        bool sixteen = vectors >= VectorWidth.Vector512 && Avx512F.IsSupported, eight = vectors >= VectorWidth.Vector256 && Avx.IsSupported;
        // A matrix of few rows or columns has longer blocks.
        int height = columns < Block ? Block * Block / columns : Block, width = rows < Block ? Block * Block / rows : Block;
        int down = (rows + height - 1) / height, across = (columns + width - 1) / width;
        int minimum = (int)Math.Clamp(Chunks.Cheap / 4 / ((long)Math.Min(height, rows) * Math.Min(width, columns)), 1, int.MaxValue);
        workers.Ranges(checked(batch * down * across), minimum, (first, last) =>
        {
            for (int b = first; b < last; b++)
            {
                int matrix = Math.DivRem(b, down * across, out int rest), r = Math.DivRem(rest, across, out int c) * height;
                c *= width;
                nint start = (nint)matrix * rows * columns;
                OneBlock(
                    sixteen, eight, Math.Min(height, rows - r), Math.Min(width, columns - c), x + start + (nint)r * columns + c, columns, y + start + (nint)c * rows + r, rows);
            }
        });
    }

    private static void OneBlock(bool sixteen, bool eight, int rows, int columns, float* x, nint xRow, float* y, nint yRow)
    {
        int r = 0;
        if (columns == 3)
        {
            OfThree(rows, x, xRow, y, yRow);
            return;
        }
        for (; sixteen && r + 16 <= rows; r += 16) Sixteen(columns, x + r * xRow, xRow, y + r, yRow);
        for (; eight && r + 8 <= rows; r += 8) Eight(columns, x + r * xRow, xRow, y + r, yRow);
        if (rows - r == 3) Three(columns, x + r * xRow, xRow, y + r, yRow);
        else if (r < rows) Few(rows - r, columns, x + r * xRow, xRow, y + r, yRow);
    }

    /// <summary>Sixteen rows: four columns of them at a time, each quarter of a vector from rows four apart, so that four by four is transposed in every quarter.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sixteen(int columns, float* x, nint xRow, float* y, nint yRow)
    {
        float* second = x + 4 * xRow, third = x + 8 * xRow, fourth = x + 12 * xRow;
        nint two = 2 * xRow, three = 3 * xRow;
        int c = 0;
        for (; c + 4 <= columns; c += 4)
        {
            Vector512<float> a = Quarters(x + c, second + c, third + c, fourth + c);
            Vector512<float> b = Quarters(x + xRow + c, second + xRow + c, third + xRow + c, fourth + xRow + c);
            Vector512<float> d = Quarters(x + two + c, second + two + c, third + two + c, fourth + two + c);
            Vector512<float> e = Quarters(x + three + c, second + three + c, third + three + c, fourth + three + c);
            Vector512<float> abLow = Avx512F.UnpackLow(a, b), abHigh = Avx512F.UnpackHigh(a, b), deLow = Avx512F.UnpackLow(d, e), deHigh = Avx512F.UnpackHigh(d, e);
            float* to = y + c * yRow;
            Avx512F.Shuffle(abLow, deLow, 0x44).Store(to);
            Avx512F.Shuffle(abLow, deLow, 0xEE).Store(to + yRow);
            Avx512F.Shuffle(abHigh, deHigh, 0x44).Store(to + 2 * yRow);
            Avx512F.Shuffle(abHigh, deHigh, 0xEE).Store(to + 3 * yRow);
        }
        if (c < columns) Few(16, columns - c, x + c, xRow, y + c * yRow, yRow);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Quarters(float* a, float* b, float* c, float* d)
    {
        Vector512<float> all = Avx512F.InsertVector128(Vector128.Load(a).ToVector256Unsafe().ToVector512Unsafe(), Vector128.Load(b), 1);
        return Avx512F.InsertVector128(Avx512F.InsertVector128(all, Vector128.Load(c), 2), Vector128.Load(d), 3);
    }

    /// <summary>Eight rows, in the same way.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Eight(int columns, float* x, nint xRow, float* y, nint yRow)
    {
        float* second = x + 4 * xRow;
        nint two = 2 * xRow, three = 3 * xRow;
        int c = 0;
        for (; c + 4 <= columns; c += 4)
        {
            Vector256<float> a = Halves(x + c, second + c), b = Halves(x + xRow + c, second + xRow + c);
            Vector256<float> d = Halves(x + two + c, second + two + c), e = Halves(x + three + c, second + three + c);
            Vector256<float> abLow = Avx.UnpackLow(a, b), abHigh = Avx.UnpackHigh(a, b), deLow = Avx.UnpackLow(d, e), deHigh = Avx.UnpackHigh(d, e);
            float* to = y + c * yRow;
            Avx.Shuffle(abLow, deLow, 0x44).Store(to);
            Avx.Shuffle(abLow, deLow, 0xEE).Store(to + yRow);
            Avx.Shuffle(abHigh, deHigh, 0x44).Store(to + 2 * yRow);
            Avx.Shuffle(abHigh, deHigh, 0xEE).Store(to + 3 * yRow);
        }
        if (c < columns) Few(8, columns - c, x + c, xRow, y + c * yRow, yRow);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Halves(float* a, float* b) => Avx.InsertVector128(Vector128.Load(a).ToVector256Unsafe(), Vector128.Load(b), 1);

    /// <summary>Three rows: the colours of a picture.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Three(int columns, float* x, nint xRow, float* y, nint yRow)
    {
        float* second = x + xRow, third = second + xRow;
        for (int c = 0; c < columns; c++, y += yRow)
        {
            float a = x[c], b = second[c], d = third[c];
            y[0] = a;
            y[1] = b;
            y[2] = d;
        }
    }

    /// <summary>Three columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OfThree(int rows, float* x, nint xRow, float* y, nint yRow)
    {
        float* second = y + yRow, third = second + yRow;
        for (int r = 0; r < rows; r++, x += xRow)
        {
            y[r] = x[0];
            second[r] = x[1];
            third[r] = x[2];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Few(int rows, int columns, float* x, nint xRow, float* y, nint yRow)
    {
        for (int c = 0; c < columns; c++)
        {
            float* from = x + c, to = y + c * yRow;
            for (int r = 0; r < rows; r++, from += xRow) to[r] = *from;
        }
    }
}
