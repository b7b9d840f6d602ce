using System.Diagnostics.CodeAnalysis;

namespace Limn.Engine.Kernels;

/// <summary>The throw helpers of the kernels: they keep the hot paths small.</summary>
internal static class Fail
{
    [DoesNotReturn]
    public static void Shape(string message) => throw new ShapeMismatchException(message);

    [DoesNotReturn]
    public static void Index(long index, int size) => throw new InvalidDataException(
        $"Index {index} is out of range for an axis of {size}; indices must lie in [{-size}, {size}).");

    [DoesNotReturn]
    public static void DivisionByZero(string operation) => throw new InvalidDataException(
        $"{operation} of integers by zero: a divisor is 0. Make the divisor non-zero, or cast to float, where the quotient is infinite or NaN.");
}
