namespace Limn.Engine.Graphs;

/// <summary>One dimension of a shape: a number, a named symbol ("batch"), or unknown. Arithmetic with an unknown is unknown.</summary>
public readonly struct Dim : IEquatable<Dim>
{
    private readonly long known; // the value plus one, so that default(Dim) is unknown

    private Dim(long value, string? symbol) => (known, Symbol) = (value + 1, symbol);

    public static Dim Unknown => default;

    /// <summary>The name of a symbolic dimension, as the file has it.</summary>
    public string? Symbol { get; }

    public bool IsKnown => known > 0;

    /// <exception cref="InvalidOperationException">The dimension is not known.</exception>
    /// <exception cref="ShapeMismatchException">It is over 2^31 - 1.</exception>
    public int Value => !IsKnown ? throw new InvalidOperationException("The dimension is not known.")
        : known - 1 <= int.MaxValue ? (int)(known - 1)
        : throw new ShapeMismatchException($"A dimension is {known - 1}, which is more than Limn holds in one array.");

    public static Dim Named(string symbol) => new(-1, symbol);

    public static Dim Of(long value) => value >= 0
        ? new Dim(Math.Min(value, long.MaxValue - 1), null)
        : throw new ShapeMismatchException($"A dimension came out as {value}: the input is too small for the model, or the model is inconsistent.");

    public static implicit operator Dim(int value) => Of(value);

    public static implicit operator Dim(long value) => Of(value);

    public static Dim operator +(Dim a, Dim b) => a.IsKnown && b.IsKnown ? Of(Clamped((Int128)a.known + b.known - 2)) : a == 0 ? b : b == 0 ? a : default;

    public static Dim operator -(Dim a, Dim b) => a.IsKnown && b.IsKnown ? Of(a.known - b.known) : b == 0 ? a : default;

    public static Dim operator *(Dim a, Dim b) => a.IsKnown && b.IsKnown ? Of(Clamped((Int128)(a.known - 1) * (b.known - 1))) : a == 1 ? b : b == 1 ? a : default;

    /// <summary>What overflows stays too large to be held.</summary>
    private static long Clamped(Int128 value) => (long)Int128.Min(value, long.MaxValue - 1);

    /// <summary>Division rounding down; by zero it is zero, as all that is divided so is empty.</summary>
    public static Dim operator /(Dim a, Dim b) => a.IsKnown && b.IsKnown ? b.known == 1 ? Of(0) : Of((a.known - 1) / (b.known - 1)) : b == 1 ? a : default;

    public static bool operator ==(Dim a, Dim b) => a.Equals(b);

    public static bool operator !=(Dim a, Dim b) => !a.Equals(b);

    /// <summary>Whether both are the same number or the same symbol. Two unknowns are not equal.</summary>
    public bool Equals(Dim other) => IsKnown ? known == other.known : Symbol is not null && Symbol == other.Symbol;

    public override bool Equals(object? obj) => obj is Dim other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(known, Symbol);

    public override string ToString() => IsKnown ? Value.ToString() : Symbol ?? "?";
}
