using System.Numerics;
using System.Numerics.Tensors;

namespace Limn.Engine.Kernels;

/// <summary>How a scattered element joins the one that is there.</summary>
public enum ScatterMode
{
    /// <summary>It replaces it; of several at one place the last in row-major order stays.</summary>
    None,
    Add,
    Multiply,
    Max,
    Min,
}

/// <summary>Reading and writing at places that indices name.</summary>
/// <remarks>
/// An index may be negative and then counts from the back. All indices are checked before anything is written. Elements that
/// meet at one place join in row-major order of the indices, whatever the number of threads.
/// </remarks>
internal static unsafe class Indexing
{
    /// <summary>y[o, k, i] = x[o, indices[k], i] for x of [outer, axis, inner] and y of [outer, indices, inner].</summary>
    /// <exception cref="InvalidDataException">An index is out of range.</exception>
    /// <exception cref="ShapeMismatchException">An array has a wrong length.</exception>
    public static void Gather<T>(ReadOnlySpan<T> x, int outer, int axis, int inner, ReadOnlySpan<long> indices, Span<T> y, Workers workers)
        where T : unmanaged
    {
        CheckSizes("x", x.Length, outer, axis, inner);
        CheckSizes("y", y.Length, outer, indices.Length, inner);
        int[] places = Places(indices, axis);
        if (y.IsEmpty) return;
        fixed (T* px = x, py = y)
        {
            T* source = px, target = py;
            workers.Ranges(checked(outer * places.Length), Chunks.Items(Chunks.Cheap, inner), (first, last) =>
            {
                for (int item = first; item < last; item++)
                {
                    (int o, int k) = Math.DivRem(item, places.Length);
                    T* from = source + ((long)o * axis + places[k]) * inner, to = target + (long)item * inner;
                    if (inner == 1) *to = *from;
                    else new ReadOnlySpan<T>(from, inner).CopyTo(new Span<T>(to, inner));
                }
            });
        }
    }

    /// <summary>The adjoint of <see cref="Gather"/>: adds dy of [outer, indices, inner] onto dx of [outer, axis, inner], dx[o, indices[k], i] += dy[o, k, i].</summary>
    /// <exception cref="InvalidDataException">An index is out of range.</exception>
    /// <exception cref="ShapeMismatchException">An array has a wrong length.</exception>
    public static void ScatterAdd(ReadOnlySpan<float> dy, ReadOnlySpan<long> indices, Span<float> dx, int outer, int axis, int inner, Workers workers)
    {
        CheckSizes("dx", dx.Length, outer, axis, inner);
        CheckSizes("dy", dy.Length, outer, indices.Length, inner);
        int[] places = Places(indices, axis);
        if (dy.IsEmpty) return;
        fixed (float* pdy = dy, pdx = dx)
        {
            // A thread owns a block of columns of one outer index, so no two add to the same place.
            const int Strip = 1024;
            float* source = pdy, target = pdx;
            int strips = (inner + Strip - 1) / Strip;
            workers.Ranges(checked(outer * strips), Chunks.Items(Chunks.Cheap, (long)places.Length * Math.Min(inner, Strip)), (first, last) =>
            {
                for (int item = first; item < last; item++)
                {
                    (int o, int strip) = Math.DivRem(item, strips);
                    int from = strip * Strip, width = Math.Min(Strip, inner - from);
                    for (int k = 0; k < places.Length; k++)
                    {
                        var sum = new Span<float>(target + ((long)o * axis + places[k]) * inner + from, width);
                        TensorPrimitives.Add(sum, new ReadOnlySpan<float>(source + ((long)o * places.Length + k) * inner + from, width), sum);
                    }
                }
            });
        }
    }

    /// <summary>y[i, j, ..] = x[.., indices[i, j, ..] at the axis, ..]: each element of the indices names its own place along <paramref name="axis"/>.</summary>
    /// <exception cref="InvalidDataException">An index is out of range.</exception>
    /// <exception cref="ShapeMismatchException">The ranks differ, the indices are wider than x along another axis, or an array has a wrong length.</exception>
    public static void GatherElements<T>(
        ReadOnlySpan<T> x, ReadOnlySpan<int> dims, int axis, ReadOnlySpan<long> indices, ReadOnlySpan<int> indicesDims, Span<T> y, Workers workers)
        where T : unmanaged
    {
        Dims.CheckSame(nameof(y), y.Length, indices.Length);
        (int[] places, Strided walk, long step) = ElementPlaces(x.Length, dims, axis, indices, indicesDims);
        if (y.IsEmpty) return;
        fixed (T* px = x, py = y)
        {
            T* source = px, target = py;
            workers.Ranges(walk.Rows, Chunks.Items(Chunks.Cheap, walk.Inner), (first, last) =>
            {
                Span<int> index = stackalloc int[walk.Dims.Length];
                Span<long> offset = stackalloc long[1];
                walk.Seek(first, index, offset);
                for (int r = first; r < last; r++)
                {
                    long at = (long)r * walk.Inner, from = offset[0];
                    for (int i = 0; i < walk.Inner; i++, at++, from += walk.InnerStride(0)) target[at] = source[from + places[at] * step];
                    walk.Next(index, offset);
                }
            });
        }
    }

    /// <summary>
    /// Joins updates, of the indices' shape, into y, which already holds the data of shape <paramref name="dims"/>:
    /// y[.., indices[i, j, ..] at the axis, ..] ⟵ updates[i, j, ..].
    /// </summary>
    /// <exception cref="InvalidDataException">An index is out of range.</exception>
    /// <exception cref="ShapeMismatchException">The ranks differ, the indices are wider than y along another axis, or an array has a wrong length.</exception>
    public static void ScatterElements<T>(
        Span<T> y, ReadOnlySpan<int> dims, int axis, ReadOnlySpan<long> indices, ReadOnlySpan<int> indicesDims, ReadOnlySpan<T> updates, ScatterMode mode)
        where T : unmanaged, INumber<T>
    {
        Dims.CheckSame(nameof(updates), updates.Length, indices.Length);
        (int[] places, Strided walk, long step) = ElementPlaces(y.Length, dims, axis, indices, indicesDims);
        if (updates.IsEmpty) return;
        Span<int> index = stackalloc int[walk.Dims.Length];
        Span<long> offset = stackalloc long[1];
        walk.Seek(0, index, offset);
        int at = 0;
        for (int r = 0; r < walk.Rows; r++)
        {
            long to = offset[0];
            for (int i = 0; i < walk.Inner; i++, at++, to += walk.InnerStride(0))
            {
                ref T there = ref y[(int)(to + places[at] * step)];
                T update = updates[at];
                there = mode switch
                {
                    ScatterMode.Add => there + update,
                    ScatterMode.Multiply => there * update,
                    ScatterMode.Max => T.Max(there, update),
                    ScatterMode.Min => T.Min(there, update),
                    _ => update,
                };
            }
            walk.Next(index, offset);
        }
    }

    /// <summary>Indices counted from the front, each checked.</summary>
    private static int[] Places(ReadOnlySpan<long> indices, int axis)
    {
        var places = new int[indices.Length];
        for (int k = 0; k < places.Length; k++)
        {
            long index = indices[k];
            if (index < -axis || index >= axis) Fail.Index(index, axis);
            places[k] = (int)(index < 0 ? index + axis : index);
        }
        return places;
    }

    private static (int[] Places, Strided Walk, long Step) ElementPlaces(
        int length, ReadOnlySpan<int> dims, int axis, ReadOnlySpan<long> indices, ReadOnlySpan<int> indicesDims)
    {
        Dims.Check("x", length, dims);
        Dims.Check(nameof(indices), indices.Length, indicesDims);
        axis = Dims.Axis(axis, dims.Length);
        bool fits = indicesDims.Length == dims.Length;
        for (int d = 0; fits && d < dims.Length; d++) fits = d == axis || indicesDims[d] <= dims[d];
        if (!fits) Fail.Shape($"Indices of shape {Dims.Text(indicesDims)} do not fit into shape {Dims.Text(dims)}: apart from axis {axis}, no size may be larger.");

        // Along the axis itself the index alone decides.
        long[] strides = Strided.RowMajor(dims);
        long step = strides[axis];
        strides[axis] = 0;
        return (Places(indices, dims[axis]), new Strided(indicesDims, strides), step);
    }

    private static void CheckSizes(string name, int length, int outer, int axis, int inner)
    {
        if ((long)outer * axis * inner != length) Fail.Shape($"'{name}' has {length} elements, which is not [{outer}, {axis}, {inner}].");
    }
}
