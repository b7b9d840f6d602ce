namespace Limn.Engine.Kernels;

/// <summary>Arithmetic on shapes that the kernels share.</summary>
internal static class Dims
{
    /// <summary>The number of elements: the product of <paramref name="dims"/>, 1 for a scalar.</summary>
    /// <exception cref="ShapeMismatchException">The product does not fit an array.</exception>
    public static int Count(ReadOnlySpan<int> dims)
    {
        long count = 1;
        foreach (int d in dims)
        {
            if (d == 0) return 0;
            count *= d;
            if (count is < 0 or > int.MaxValue) Fail.Shape($"A tensor of shape {Text(dims)} has more elements than an array can hold ({int.MaxValue}).");
        }
        return (int)count;
    }

    /// <summary>An axis counted from the front, from one that may be negative and is then counted from the back.</summary>
    /// <exception cref="ShapeMismatchException">The axis is outside [-rank, rank).</exception>
    public static int Axis(int axis, int rank)
    {
        if (axis < -rank || axis >= rank) Fail.Shape($"Axis {axis} does not exist in a tensor of rank {rank}; it must lie in [{-rank}, {rank}).");
        return axis < 0 ? axis + rank : axis;
    }

    /// <summary>The sizes before, at and after <paramref name="axis"/>.</summary>
    public static (int Outer, int Axis, int Inner) Split(ReadOnlySpan<int> dims, int axis)
    {
        axis = Axis(axis, dims.Length);
        return (Product(dims[..axis]), dims[axis], Product(dims[(axis + 1)..]));
    }

    /// <summary>Throws unless an array holds exactly what its shape says.</summary>
    public static void Check(string name, int length, ReadOnlySpan<int> dims)
    {
        if (length != Count(dims)) Fail.Shape($"'{name}' has {length} elements, but its shape {Text(dims)} has {Count(dims)}.");
    }

    public static void CheckSame(string name, int length, int expected)
    {
        if (length != expected) Fail.Shape($"'{name}' has {length} elements; {expected} are expected.");
    }

    public static string Text(ReadOnlySpan<int> dims) => $"[{string.Join(", ", dims.ToArray())}]";

    private static int Product(ReadOnlySpan<int> dims)
    {
        int product = 1;
        foreach (int d in dims) product = checked(product * d);
        return product;
    }
}
