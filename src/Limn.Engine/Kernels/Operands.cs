using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Limn.Engine.Kernels;

/// <summary>The left matrix of a product, read in place: element (i, p) is at <c>Data[i * Row + p * Step]</c>.</summary>
internal readonly unsafe record struct LeftOperand(nint Address, nint Row, nint Step)
{
    public float* Data => (float*)Address;
}

/// <summary>The right matrix of a product, which need not exist as a matrix: it only has to fill panels.</summary>
internal unsafe interface IRightOperand
{
    /// <summary>
    /// Writes rows [<paramref name="p0"/>, p0 + depth) of columns [<paramref name="j0"/>, j0 + columns), each row <paramref name="step"/> after the last.
    /// </summary>
    /// <remarks>May write <see cref="Patches.Overrun"/> floats beyond a row, and so beyond the panel; columns past the last stay undefined.</remarks>
    void Pack(float* to, int step, int p0, int depth, int j0, int columns);

    /// <summary>Where the matrix lies in row-major order, or null if it does not.</summary>
    float* InPlace(out nint step);
}

/// <summary>A right matrix [k, n] in row-major order.</summary>
internal readonly unsafe struct RowMajorOperand(float* data, nint stride) : IRightOperand
{
    private readonly float* data = data;
    private readonly nint stride = stride;

    public void Pack(float* to, int step, int p0, int depth, int j0, int columns)
    {
        float* from = data + p0 * stride + j0;
        for (int p = 0; p < depth; p++, from += stride, to += step)
            new ReadOnlySpan<float>(from, columns).CopyTo(new Span<float>(to, columns));
    }

    public float* InPlace(out nint step)
    {
        step = stride;
        return data;
    }
}

/// <summary>A right matrix that is stored transposed, [n, k] in row-major order.</summary>
internal readonly unsafe struct TransposedOperand(float* data, nint stride) : IRightOperand
{
    private readonly float* data = data;
    private readonly nint stride = stride;

    public void Pack(float* to, int step, int p0, int depth, int j0, int columns) =>
        Transposing.Run(data + j0 * stride + p0, stride, columns, depth, to, step);

    public float* InPlace(out nint step)
    {
        step = 0;
        return null;
    }
}

internal static unsafe class Transposing
{
    /// <summary>to[p * toStride + j] = from[j * fromStride + p] for j below <paramref name="rows"/> and p below <paramref name="columns"/>.</summary>
    public static void Run(float* from, nint fromStride, int rows, int columns, float* to, nint toStride)
    {
        int wholeRows = Sse.IsSupported || AdvSimd.Arm64.IsSupported ? rows & ~3 : 0, wholeColumns = wholeRows == 0 ? 0 : columns & ~3;
        for (int j = 0; j < wholeRows; j += 4)
        {
            float* source = from + j * fromStride, target = to + j;
            for (int p = 0; p < wholeColumns; p += 4, source += 4, target += 4 * toStride)
                Block(source, fromStride, target, toStride);
        }
        for (int j = 0; j < rows; j++)
        {
            for (int p = j < wholeRows ? wholeColumns : 0; p < columns; p++) to[p * toStride + j] = from[j * fromStride + p];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block(float* from, nint fromStride, float* to, nint toStride)
    {
        Vector128<float> a = Vector128.Load(from), b = Vector128.Load(from + fromStride);
        Vector128<float> c = Vector128.Load(from + 2 * fromStride), d = Vector128.Load(from + 3 * fromStride);
        Vector128<float> ac0 = ZipLow(a, c), ac1 = ZipHigh(a, c), bd0 = ZipLow(b, d), bd1 = ZipHigh(b, d);
        ZipLow(ac0, bd0).Store(to);
        ZipHigh(ac0, bd0).Store(to + toStride);
        ZipLow(ac1, bd1).Store(to + 2 * toStride);
        ZipHigh(ac1, bd1).Store(to + 3 * toStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ZipLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b) : AdvSimd.Arm64.ZipLow(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ZipHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b) : AdvSimd.Arm64.ZipHigh(a, b);
}
