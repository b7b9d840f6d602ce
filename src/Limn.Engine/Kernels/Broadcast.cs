using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Limn.Engine.Kernels;

/// <summary>Functions of two or three arrays under the broadcasting of numpy: shapes align at the right, sizes of one repeat.</summary>
/// <remarks>The result may be an argument of the result's own shape; otherwise arrays must not overlap.</remarks>
internal static unsafe class Broadcast
{
    /// <summary>The shape of the result: at each place the size that is not one.</summary>
    /// <exception cref="ShapeMismatchException">Two sizes differ and neither is one.</exception>
    public static int[] BroadcastDims(ReadOnlySpan<int> a, ReadOnlySpan<int> b)
    {
        var dims = new int[Math.Max(a.Length, b.Length)];
        for (int d = 1; d <= dims.Length; d++)
        {
            int m = d <= a.Length ? a[^d] : 1, n = d <= b.Length ? b[^d] : 1;
            if (m != n && m != 1 && n != 1)
            {
                Fail.Shape($"Shapes {Dims.Text(a)} and {Dims.Text(b)} do not broadcast: {m} and {n} differ, counted {d} from the right, and neither is 1.");
            }
            dims[^d] = m == 1 ? n : m;
        }
        return dims;
    }

    /// <summary>y = f(a, b) with broadcasting; <paramref name="yDims"/> must be <see cref="BroadcastDims"/> of the other two.</summary>
    /// <exception cref="ShapeMismatchException">The shapes do not broadcast, or an array is not as long as its shape says.</exception>
    /// <exception cref="InvalidDataException">Integers are divided by zero.</exception>
    public static void Apply<TFunction, T, TResult>(
        ReadOnlySpan<T> a, ReadOnlySpan<int> aDims, ReadOnlySpan<T> b, ReadOnlySpan<int> bDims, Span<TResult> y, ReadOnlySpan<int> yDims, Workers workers)
        where TFunction : struct, IBinaryFunction<T, TResult>
        where T : unmanaged
        where TResult : unmanaged
    {
        Dims.Check(nameof(a), a.Length, aDims);
        Dims.Check(nameof(b), b.Length, bDims);
        Dims.Check(nameof(y), y.Length, yDims);
        CheckResult(BroadcastDims(aDims, bDims), yDims);
        if (y.IsEmpty) return;
        TFunction.CheckRight(b);
        if (y.Length <= Chunks.Cheap && ApplySmall<TFunction, T, TResult>(a, aDims, b, bDims, y, yDims)) return;

        var walk = new Strided(yDims, Strided.Broadcast(aDims, yDims), Strided.Broadcast(bDims, yDims));
        if (ShortRowRepeats(walk, row: 1))
        {
            (T[] several, int rows, int width) = Several(b, walk);
            Apply<TFunction, T, TResult>(a[..(rows * width)], [rows, width], several, [width], y[..(rows * width)], [rows, width], workers);
            TFunction.Invoke(a[(rows * width)..], several.AsSpan(0, a.Length - rows * width), y[(rows * width)..]);
            return;
        }
        if (ShortRowRepeats(walk, row: 0))
        {
            (T[] several, int rows, int width) = Several(a, walk);
            Apply<TFunction, T, TResult>(several, [width], b[..(rows * width)], [rows, width], y[..(rows * width)], [rows, width], workers);
            TFunction.Invoke(several.AsSpan(0, b.Length - rows * width), b[(rows * width)..], y[(rows * width)..]);
            return;
        }
        bool scalarA = walk.InnerStride(0) == 0, scalarB = walk.InnerStride(1) == 0;
        fixed (T* pa = a, pb = b)
        fixed (TResult* py = y)
        {
            T* sa = pa, sb = pb;
            TResult* target = py;
            Rows(walk, 2, workers, (offsets, from, count, to) =>
            {
                T* ra = sa + offsets[0], rb = sb + offsets[1];
                var row = new Span<TResult>(target + to, count);
                if (scalarA == scalarB) TFunction.Invoke(new ReadOnlySpan<T>(ra + (scalarA ? 0 : from), count), new ReadOnlySpan<T>(rb + (scalarB ? 0 : from), count), row);
                else if (scalarB) TFunction.Invoke(new ReadOnlySpan<T>(ra + from, count), *rb, row);
                else TFunction.Invoke(*ra, new ReadOnlySpan<T>(rb + from, count), row);
            });
        }
    }

    /// <summary>The usual cases on little data, where working out how arrays lie would cost more than the function: equal shapes, one number, one row, one column.</summary>
    private static bool ApplySmall<TFunction, T, TResult>(
        ReadOnlySpan<T> a, ReadOnlySpan<int> aDims, ReadOnlySpan<T> b, ReadOnlySpan<int> bDims, Span<TResult> y, ReadOnlySpan<int> yDims)
        where TFunction : struct, IBinaryFunction<T, TResult>
    {
        const int longRow = 64;
        bool left = aDims.SequenceEqual(yDims), right = bDims.SequenceEqual(yDims);
        if (left && right) TFunction.Invoke(a, b, y);
        else if (left && b.Length == 1) TFunction.Invoke(a, b[0], y);
        else if (right && a.Length == 1) TFunction.Invoke(a[0], b, y);
        else if (yDims.Length != 2 || yDims[1] < longRow || !(left || right)) return false;
        else
        {
            int columns = yDims[1], other = left ? b.Length : a.Length;
            ReadOnlySpan<int> otherDims = left ? bDims : aDims;
            bool isRow = other == columns && otherDims[^1] == columns, isColumn = otherDims.Length == 2 && otherDims[1] == 1 && otherDims[0] == yDims[0];
            if (!isRow && !isColumn) return false;
            for (int r = 0; r < yDims[0]; r++)
            {
                Span<TResult> row = y.Slice(r * columns, columns);
                if (left && isRow) TFunction.Invoke(a.Slice(r * columns, columns), b, row);
                else if (left) TFunction.Invoke(a.Slice(r * columns, columns), b[r], row);
                else if (isRow) TFunction.Invoke(a, b.Slice(r * columns, columns), row);
                else TFunction.Invoke(a[r], b.Slice(r * columns, columns), row);
            }
        }
        return true;
    }

    /// <summary>y = condition ? a : b with broadcasting of all three.</summary>
    /// <exception cref="ShapeMismatchException">The shapes do not broadcast, or an array is not as long as its shape says.</exception>
    public static void Where<T>(
        ReadOnlySpan<bool> condition, ReadOnlySpan<int> conditionDims, ReadOnlySpan<T> a, ReadOnlySpan<int> aDims,
        ReadOnlySpan<T> b, ReadOnlySpan<int> bDims, Span<T> y, ReadOnlySpan<int> yDims, Workers workers)
        where T : unmanaged
    {
        Dims.Check(nameof(condition), condition.Length, conditionDims);
        Dims.Check(nameof(a), a.Length, aDims);
        Dims.Check(nameof(b), b.Length, bDims);
        Dims.Check(nameof(y), y.Length, yDims);
        CheckResult(BroadcastDims(conditionDims, BroadcastDims(aDims, bDims)), yDims);
        if (y.IsEmpty) return;

        var walk = new Strided(yDims, Strided.Broadcast(conditionDims, yDims), Strided.Broadcast(aDims, yDims), Strided.Broadcast(bDims, yDims));
        fixed (bool* pc = condition)
        fixed (T* pa = a, pb = b, py = y)
        {
            bool* sc = pc;
            T* sa = pa, sb = pb, target = py;
            Rows(walk, 3, workers, (offsets, from, count, to) =>
            {
                long c = walk.InnerStride(0), m = walk.InnerStride(1), n = walk.InnerStride(2);
                Select(sc + offsets[0] + from * c, c, sa + offsets[1] + from * m, m, sb + offsets[2] + from * n, n, target + to, count);
            });
        }
    }

    /// <summary>Repeats x over a larger shape.</summary>
    /// <exception cref="ShapeMismatchException"><paramref name="yDims"/> is not what <paramref name="xDims"/> broadcasts to.</exception>
    public static void Expand<T>(ReadOnlySpan<T> x, ReadOnlySpan<int> xDims, Span<T> y, ReadOnlySpan<int> yDims, Workers workers)
        where T : unmanaged
    {
        Dims.Check(nameof(x), x.Length, xDims);
        Dims.Check(nameof(y), y.Length, yDims);
        CheckResult(BroadcastDims(xDims, yDims), yDims);
        if (y.IsEmpty) return;
        var walk = new Strided(yDims, Strided.Broadcast(xDims, yDims));
        fixed (T* px = x, py = y)
        {
            T* source = px, target = py;
            Rows(walk, 1, workers, (offsets, from, count, to) =>
            {
                T* row = source + offsets[0];
                var result = new Span<T>(target + to, count);
                if (walk.InnerStride(0) == 0) result.Fill(*row);
                else new ReadOnlySpan<T>(row + from, count).CopyTo(result);
            });
        }
    }

    /// <summary>Whether array <paramref name="row"/> is one short row under the many rows of the other, so that calls would outweigh the work.</summary>
    private static bool ShortRowRepeats(Strided walk, int row) =>
        walk.Inner < 64 && walk.Dims.Length == 2 && walk.Rows >= 512
        && walk.InnerStride(row) == 1 && walk.Stride(1, row) == 0
        && walk.InnerStride(1 - row) == 1 && walk.Stride(1, 1 - row) == walk.Inner;

    /// <summary>The short row written several times over, and the shape of the larger array as rows of that length (a rest apart).</summary>
    private static (T[] Several, int Rows, int Width) Several<T>(ReadOnlySpan<T> row, Strided walk)
    {
        int times = 256 / row.Length, width = times * row.Length;
        var several = new T[width];
        for (int i = 0; i < times; i++) row.CopyTo(several.AsSpan(i * row.Length));
        return (several, walk.Rows / times, width);
    }

    /// <summary>A piece of a row: where the arrays' rows begin, the piece within the row, and where it goes in the dense result.</summary>
    private delegate void RowBody(ReadOnlySpan<long> offsets, int from, int count, long to);

    private static void Rows(Strided walk, int arrays, Workers workers, RowBody body)
    {
        int inner = walk.Inner, pieces = Chunks.Of(inner);
        int items = checked(walk.Rows * pieces);
        workers.Ranges(items, Chunks.Items(Chunks.Cheap, Math.Min(inner, Chunks.Size)), (first, last) =>
        {
            Span<int> index = stackalloc int[walk.Dims.Length];
            Span<long> offsets = stackalloc long[arrays];
            (int row, int piece) = Math.DivRem(first, pieces);
            walk.Seek(row, index, offsets);
            for (int item = first; item < last; item++)
            {
                int from = piece * Chunks.Size;
                body(offsets, from, Math.Min(Chunks.Size, inner - from), (long)row * inner + from);
                if (++piece < pieces) continue;
                piece = 0;
                row++;
                walk.Next(index, offsets);
            }
        });
    }

    private static void Select<T>(bool* c, long stepC, T* a, long stepA, T* b, long stepB, T* y, int count)
        where T : unmanaged
    {
        int i = 0;
        if (sizeof(T) == 4 && stepC == 1)
        {
            int width = Vector<int>.Count;
            for (; i + Vector<byte>.Count <= count; i += Vector<byte>.Count)
            {
                Vector.Widen(Vector.Load((byte*)c + i), out Vector<ushort> low, out Vector<ushort> high);
                Vector.Widen(low, out Vector<uint> m0, out Vector<uint> m1);
                Vector.Widen(high, out Vector<uint> m2, out Vector<uint> m3);
                Select4(m0, (int*)a, stepA, (int*)b, stepB, (int*)y, i);
                Select4(m1, (int*)a, stepA, (int*)b, stepB, (int*)y, i + width);
                Select4(m2, (int*)a, stepA, (int*)b, stepB, (int*)y, i + 2 * width);
                Select4(m3, (int*)a, stepA, (int*)b, stepB, (int*)y, i + 3 * width);
            }
        }
        for (; i < count; i++) y[i] = c[i * stepC] ? a[i * stepA] : b[i * stepB];
    }

    private static void Select4(Vector<uint> condition, int* a, long stepA, int* b, long stepB, int* y, int i)
    {
        Vector<int> isFalse = Vector.Equals(Vector.AsVectorInt32(condition), Vector<int>.Zero);
        Vector<int> va = stepA == 0 ? new Vector<int>(*a) : Vector.Load(a + i);
        Vector<int> vb = stepB == 0 ? new Vector<int>(*b) : Vector.Load(b + i);
        Vector.ConditionalSelect(isFalse, vb, va).Store(y + i);
    }

    private static void CheckResult(int[] expected, ReadOnlySpan<int> yDims)
    {
        if (!yDims.SequenceEqual(expected)) Fail.Shape($"The arguments broadcast to shape {Dims.Text(expected)}, but the result has shape {Dims.Text(yDims)}.");
    }
}
