using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Limn.Trees.Shap;

/// <summary>A vector full of rows: a lane is a row.</summary>
internal sealed unsafe class RowLanes<T>(FlatTrees trees, int features) : IDisposable where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly T* x = (T*)NativeMemory.AlignedAlloc((nuint)features * 64, 64);

    public static int Lanes => Vector512<T>.Count;

    /// <summary>Takes other rows, at least one; lanes beyond them repeat the last one.</summary>
    public void Fill(ReadOnlySpan<float> rows)
    {
        int count = rows.Length / features;
        for (int lane = 0; lane < Lanes; lane++)
        {
            ReadOnlySpan<float> row = rows.Slice(Math.Min(lane, count - 1) * features, features);
            for (int f = 0; f < features; f++) x[f * Lanes + lane] = T.CreateTruncating(row[f]);
        }
    }

    /// <summary>All bits set in the lanes that go left at a split.</summary>
    public Vector512<T> GoesLeft(int node)
    {
        float threshold = trees.Threshold[node];
        return trees.Missing[node] == MissingRule.Nan && trees.Set[node] < 0 && !float.IsNaN(threshold)
            ? GoesLeft(trees.Feature[node], T.CreateTruncating(threshold), trees.DefaultLeft[node])
            : Decide(node);
    }

    /// <summary>All bits set in the lanes that go left at a split that only compares.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> GoesLeft(int feature, T threshold, bool missingLeft)
    {
        Vector512<T> v = Vector512.Load(x + (nint)feature * Lanes), limit = Vector512.Create(threshold);
        return missingLeft ? ~Vector512.GreaterThan(v, limit) : Vector512.LessThanOrEqual(v, limit);
    }

    /// <summary>All bits set in the lanes that go left at any split.</summary>
    public Vector512<T> Decide(int node)
    {
        T* column = x + (nint)trees.Feature[node] * Lanes, decided = stackalloc T[Lanes];
        for (int lane = 0; lane < Lanes; lane++) decided[lane] = trees.GoesLeft(node, float.CreateTruncating(column[lane])) ? T.One : T.Zero;
        return Vector512.GreaterThan(Vector512.Load(decided), Vector512<T>.Zero);
    }

    public void Dispose() => NativeMemory.AlignedFree(x);
}
