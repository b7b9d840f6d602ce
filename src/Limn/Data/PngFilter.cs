using System.Numerics.Tensors;

namespace Limn.Data;

/// <summary>
/// How a row of a PNG is filtered before compression: each byte less a prediction from the bytes of the pixel to the left (a), above (b)
/// and above left (c), where those before the first pixel are 0 (PNG specification, section 9).
/// </summary>
internal static class PngFilter
{
    public const int Count = 5;
    private const int Nothing = 0, Left = 1, Above = 2, Average = 3;

    /// <summary>Filters <paramref name="row"/> into <paramref name="filtered"/>. All three have the same length.</summary>
    public static void Apply(int filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, Span<byte> filtered, int pixelBytes)
    {
        int first = Math.Min(pixelBytes, row.Length);
        switch (filter)
        {
            case Nothing:
                row.CopyTo(filtered);
                break;
            case Left:
                row[..first].CopyTo(filtered);
                TensorPrimitives.Subtract(row[first..], row[..^first], filtered[first..]);
                break;
            case Above:
                TensorPrimitives.Subtract(row, above, filtered);
                break;
            case Average:
                for (int i = 0; i < first; i++) filtered[i] = (byte)(row[i] - (above[i] >> 1));
                for (int i = first; i < row.Length; i++) filtered[i] = (byte)(row[i] - ((row[i - first] + above[i]) >> 1));
                break;
            default:
                TensorPrimitives.Subtract(row[..first], above[..first], filtered[..first]); // of (0, b, 0), b is the nearest to b
                for (int i = first; i < row.Length; i++) filtered[i] = (byte)(row[i] - Paeth(row[i - first], above[i], above[i - first]));
                break;
        }
    }

    /// <summary>Undoes a filter in place. An unknown filter (<see cref="Count"/> or more) is the caller's to refuse.</summary>
    public static void Undo(int filter, Span<byte> row, ReadOnlySpan<byte> above, int pixelBytes)
    {
        int first = Math.Min(pixelBytes, row.Length);
        switch (filter)
        {
            case Nothing:
                break;
            case Left:
                for (int i = first; i < row.Length; i++) row[i] += row[i - first];
                break;
            case Above:
                TensorPrimitives.Add(row, above, row);
                break;
            case Average:
                for (int i = 0; i < first; i++) row[i] += (byte)(above[i] >> 1);
                for (int i = first; i < row.Length; i++) row[i] += (byte)((row[i - first] + above[i]) >> 1);
                break;
            default:
                TensorPrimitives.Add(row[..first], above[..first], row[..first]);
                for (int i = first; i < row.Length; i++) row[i] += (byte)Paeth(row[i - first], above[i], above[i - first]);
                break;
        }
    }

    // The one of a, b, c that is nearest to a + b - c; ties go to a, then b.
    private static int Paeth(int a, int b, int c)
    {
        int toA = Math.Abs(b - c), toB = Math.Abs(a - c), toC = Math.Abs(a + b - c - c);
        return toA <= toB && toA <= toC ? a : toB <= toC ? b : c;
    }
}
