using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Limn.Engine.Graphs;

/// <summary>The dimensions of a value, some of which may be symbolic until the graph is compiled for given inputs.</summary>
[CollectionBuilder(typeof(Shape), nameof(Of))]
public sealed class Shape : IReadOnlyList<Dim>, IEquatable<Shape>
{
    private const int MostAxes = 64;

    private readonly Dim[] dims;

    private Shape(Dim[] dims) => this.dims = dims;

    public static Shape Scalar { get; } = new([]);

    public int Rank => dims.Length;

    int IReadOnlyCollection<Dim>.Count => dims.Length;

    public Dim this[int axis] => dims[axis];

    public Dim this[Index axis] => dims[axis];

    /// <summary>Whether every dimension is a number.</summary>
    public bool IsKnown => Array.TrueForAll(dims, d => d.IsKnown);

    public static Shape Of(params ReadOnlySpan<Dim> dims) => new(dims.ToArray());

    public static Shape Of(ReadOnlySpan<int> dims)
    {
        var result = new Dim[dims.Length];
        for (int i = 0; i < result.Length; i++) result[i] = dims[i];
        return new Shape(result);
    }

    /// <summary>A shape of which only the number of axes is known.</summary>
    /// <exception cref="ShapeMismatchException">There are more axes than any tensor has.</exception>
    public static Shape OfRank(int rank) => new(new Dim[Checked(rank)]);

    /// <summary>A number of axes that a tensor may have; a file can claim any.</summary>
    /// <exception cref="ShapeMismatchException">It is over 64.</exception>
    public static int Checked(long rank) => rank is >= 0 and <= MostAxes ? (int)rank : throw new ShapeMismatchException($"A tensor of {rank} dimensions was asked for; 0 to {MostAxes} are possible.");

    /// <summary>The dimensions as numbers.</summary>
    /// <exception cref="InvalidOperationException">A dimension is symbolic.</exception>
    public int[] ToArray() => Array.ConvertAll(dims, d => d.Value);

    public bool TryToArray([NotNullWhen(true)] out int[]? values)
    {
        values = IsKnown ? ToArray() : null;
        return values is not null;
    }

    /// <summary>The same shape with one axis changed.</summary>
    public Shape With(int axis, Dim dim)
    {
        var copy = (Dim[])dims.Clone();
        copy[axis] = dim;
        return new Shape(copy);
    }

    /// <summary>A negative axis counted from the end, checked.</summary>
    /// <exception cref="ShapeMismatchException">The axis does not exist.</exception>
    public static int Axis(long axis, int rank) => axis >= -rank && axis < rank
        ? (int)(axis < 0 ? axis + rank : axis)
        : throw new ShapeMismatchException($"Axis {axis} does not exist in a tensor of {rank} dimensions.");

    /// <summary>The product of the dimensions in [from, to).</summary>
    public Dim Product(int from, int to)
    {
        Dim product = 1;
        for (int i = from; i < to; i++) product *= dims[i];
        return product;
    }

    /// <summary>NumPy broadcasting of two shapes; a symbolic dimension meets a number as that number.</summary>
    /// <exception cref="ShapeMismatchException">The shapes do not broadcast.</exception>
    public static Shape Broadcast(Shape a, Shape b)
    {
        int rank = Math.Max(a.Rank, b.Rank);
        var result = new Dim[rank];
        for (int i = 0; i < rank; i++)
        {
            Dim x = i < rank - a.Rank ? 1 : a[i - rank + a.Rank];
            Dim y = i < rank - b.Rank ? 1 : b[i - rank + b.Rank];
            result[i] = x == y || y == 1 ? x : x == 1 ? y
                : !x.IsKnown && y.IsKnown ? y : x.IsKnown && !y.IsKnown ? x
                : !x.IsKnown ? Dim.Unknown
                : throw new ShapeMismatchException($"Shapes {a} and {b} do not broadcast: {x} against {y}.");
        }
        return new Shape(result);
    }

    public IEnumerator<Dim> GetEnumerator() => ((IEnumerable<Dim>)dims).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => dims.GetEnumerator();

    /// <summary>Whether both have the same known numbers and the same symbols.</summary>
    public bool Equals(Shape? other) => other is not null && dims.AsSpan().SequenceEqual(other.dims);

    public override bool Equals(object? obj) => Equals(obj as Shape);

    public override int GetHashCode() => dims.Length == 0 ? 0 : HashCode.Combine(dims.Length, dims[0], dims[^1]);

    public override string ToString() => $"[{string.Join(',', dims)}]";
}
