using System.Numerics;

namespace Limn.Engine.Kernels;

/// <summary>Reading and writing blocks at places that tuples of indices name.</summary>
/// <remarks>Negative indices count from the back. All are checked before anything is written; blocks that meet join in order.</remarks>
internal static unsafe class IndexingND
{
    /// <summary>y[k] = x[indices[k, 0], indices[k, 1], ...] for tuples of <paramref name="depth"/> indices; what is left of x's axes makes a block.</summary>
    /// <exception cref="InvalidDataException">An index is out of range.</exception>
    public static void Gather<T>(ReadOnlySpan<T> x, ReadOnlySpan<int> dims, ReadOnlySpan<long> indices, int depth, Span<T> y, Workers workers)
        where T : unmanaged
    {
        (int[] starts, int block) = Blocks(dims, indices, depth, y.Length);
        if (y.IsEmpty) return;
        fixed (T* px = x, py = y)
        {
            T* source = px, target = py;
            workers.Ranges(starts.Length, Chunks.Items(Chunks.Cheap, block), (first, last) =>
            {
                for (int k = first; k < last; k++) new ReadOnlySpan<T>(source + starts[k], block).CopyTo(new Span<T>(target + (long)k * block, block));
            });
        }
    }

    /// <summary>Joins each block of updates into y, which already holds the data of shape <paramref name="dims"/>.</summary>
    /// <exception cref="InvalidDataException">An index is out of range.</exception>
    public static void Scatter<T>(Span<T> y, ReadOnlySpan<int> dims, ReadOnlySpan<long> indices, int depth, ReadOnlySpan<T> updates, ScatterMode mode)
        where T : unmanaged, INumber<T>
    {
        (int[] starts, int block) = Blocks(dims, indices, depth, updates.Length);
        for (int k = 0; k < starts.Length; k++)
        {
            Span<T> there = y.Slice(starts[k], block);
            ReadOnlySpan<T> update = updates.Slice(k * block, block);
            for (int i = 0; i < block; i++)
            {
                there[i] = mode switch
                {
                    ScatterMode.Add => there[i] + update[i],
                    ScatterMode.Multiply => there[i] * update[i],
                    ScatterMode.Max => T.Max(there[i], update[i]),
                    ScatterMode.Min => T.Min(there[i], update[i]),
                    _ => update[i],
                };
            }
        }
    }

    private static (int[] Starts, int Block) Blocks(ReadOnlySpan<int> dims, ReadOnlySpan<long> indices, int depth, int blocksLength)
    {
        if (depth > dims.Length) Fail.Shape($"Tuples of {depth} indices do not fit shape {Dims.Text(dims)}.");
        int block = Dims.Count(dims[depth..]);
        int count = depth > 0 ? indices.Length / depth : block > 0 ? blocksLength / block : 0;
        Dims.CheckSame("blocks", blocksLength, checked(count * block));
        var starts = new int[count];
        for (int k = 0; k < count; k++)
        {
            int start = 0;
            for (int d = 0; d < depth; d++)
            {
                long index = indices[k * depth + d];
                if (index < -dims[d] || index >= dims[d]) Fail.Index(index, dims[d]);
                start = start * dims[d] + (int)(index < 0 ? index + dims[d] : index);
            }
            starts[k] = start * block;
        }
        return (starts, block);
    }
}
