using System.Numerics;

namespace Limn.Engine.Kernels;

/// <summary>Running sums.</summary>
internal static unsafe class Scan
{
    /// <summary>
    /// y[o, k, i] = Σ x[o, j, i] over j ≤ k, for x of [outer, axis, inner]: over j &lt; k where <paramref name="exclusive"/>, and
    /// from the other end where <paramref name="reverse"/>. Added one by one in the elements' own type. y may be x.
    /// </summary>
    /// <exception cref="ShapeMismatchException">An array has a wrong length.</exception>
    public static void CumulativeSum<T>(ReadOnlySpan<T> x, Span<T> y, int outer, int axis, int inner, bool exclusive, bool reverse, Workers workers)
        where T : unmanaged, INumber<T>
    {
        if ((long)outer * axis * inner != x.Length) Fail.Shape($"An array of {x.Length} elements is not [{outer}, {axis}, {inner}].");
        Dims.CheckSame(nameof(y), y.Length, x.Length);
        if (x.IsEmpty) return;
        int start = reverse ? axis - 1 : 0, step = reverse ? -1 : 1;
        fixed (T* px = x, py = y)
        {
            T* source = px, target = py;
            const int Strip = 256;
            int strips = (inner + Strip - 1) / Strip;
            workers.Ranges(checked(outer * strips), Chunks.Items(Chunks.Cheap, (long)axis * Math.Min(inner, Strip)), (first, last) =>
            {
                Span<T> sums = stackalloc T[Strip];
                for (int item = first; item < last; item++)
                {
                    (int o, int strip) = Math.DivRem(item, strips);
                    int from = strip * Strip, width = Math.Min(Strip, inner - from);
                    sums.Clear();
                    for (int k = start; (uint)k < (uint)axis; k += step)
                    {
                        long at = ((long)o * axis + k) * inner + from;
                        for (int i = 0; i < width; i++)
                        {
                            T before = sums[i];
                            sums[i] = before + source[at + i];
                            target[at + i] = exclusive ? before : sums[i];
                        }
                    }
                }
            });
        }
    }
}
