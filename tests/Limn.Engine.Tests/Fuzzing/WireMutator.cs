using System.Buffers.Binary;

namespace Limn.Engine.Tests.Fuzzing;

/// <summary>
/// Damages what a Protobuf message holds and leaves its framing whole: numbers, characters and bytes change, lengths do not. So nearly every mutant is a message
/// still, and what reads it is what is tested, where bytes damaged at random seldom get beyond the parser.
/// </summary>
internal static class WireMutator
{
    private const int MaxDepth = 24;
    private static readonly ulong[] Numbers = [0, 1, 2, 3, 7, 127, 128, 255, 16383, 65535, int.MaxValue, 1UL << 31, uint.MaxValue, 1UL << 40, long.MaxValue, 1UL << 63, ulong.MaxValue];
    private static readonly float[] Floats = [0, -0f, 1, -1, 0.5f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.Epsilon, 1e10f];

    private enum Kind
    {
        Varint,
        Fixed,
        Bytes,
    }

    /// <summary>A copy with one to three leaves changed.</summary>
    public static byte[] Damage(byte[] file, Mutator m)
    {
        byte[] bytes = (byte[])file.Clone();
        List<(Kind Kind, int Start, int Length)> leaves = [];
        Collect(bytes, 0, bytes.Length, 0, leaves);
        if (leaves.Count == 0) return bytes;
        for (int times = 1 + m.Next(3); times > 0; times--)
        {
            var (kind, start, length) = m.One(leaves);
            Span<byte> leaf = bytes.AsSpan(start, length);
            if (kind == Kind.Varint) Number(leaf, m.Chance(0.7) ? m.One(Numbers) : (ulong)m.Next(64));
            else if (kind == Kind.Fixed || (length % 4 == 0 && m.Chance(0.5))) Elements(leaf, m);
            else if (leaf.IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0) Text(leaf, bytes, leaves, m);
            else leaf[m.Next(length)] = (byte)m.Next(256);
        }
        return bytes;
    }

    /// <summary>Finds the leaves between two places; false, and none, where there is no message.</summary>
    private static bool Collect(ReadOnlySpan<byte> bytes, int from, int end, int depth, List<(Kind, int, int)> leaves)
    {
        int before = leaves.Count, at = from;
        while (at < end)
        {
            if (!Varint(bytes, ref at, end, out ulong tag) || tag >> 3 is 0 or > 1000) return Undo(leaves, before);
            int start = at;
            switch (tag & 7)
            {
                case 0:
                    if (!Varint(bytes, ref at, end, out _)) return Undo(leaves, before);
                    leaves.Add((Kind.Varint, start, at - start));
                    break;
                case 1 or 5:
                    at += (tag & 7) == 1 ? 8 : 4;
                    if (at > end) return Undo(leaves, before);
                    leaves.Add((Kind.Fixed, start, at - start));
                    break;
                case 2:
                    if (!Varint(bytes, ref at, end, out ulong length) || length > (ulong)(end - at)) return Undo(leaves, before);
                    start = at;
                    at += (int)length;
                    if (length > 0 && (depth >= MaxDepth || !Collect(bytes, start, at, depth + 1, leaves))) leaves.Add((Kind.Bytes, start, at - start));
                    break;
                default: return Undo(leaves, before);
            }
        }
        return true;
    }

    private static bool Undo(List<(Kind, int, int)> leaves, int before)
    {
        leaves.RemoveRange(before, leaves.Count - before);
        return false;
    }

    private static bool Varint(ReadOnlySpan<byte> bytes, ref int at, int end, out ulong value)
    {
        value = 0;
        for (int shift = 0; shift < 70 && at < end; shift += 7)
        {
            byte next = bytes[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return true;
        }
        return false;
    }

    /// <summary>Another number in as many bytes: what does not fit is cut off, what is short is filled up.</summary>
    private static void Number(Span<byte> leaf, ulong value)
    {
        for (int i = 0; i < leaf.Length; i++, value >>= 7) leaf[i] = (byte)((value & 0x7F) | (i < leaf.Length - 1 ? 0x80UL : 0));
    }

    /// <summary>An element of four or eight bytes becomes a telling one.</summary>
    private static void Elements(Span<byte> leaf, Mutator m)
    {
        if (leaf.Length % 8 == 0 && m.Chance(0.5)) BinaryPrimitives.WriteUInt64LittleEndian(leaf[(8 * m.Next(leaf.Length / 8))..], m.One(Numbers));
        else BinaryPrimitives.WriteSingleLittleEndian(leaf[(4 * m.Next(leaf.Length / 4))..], m.One(Floats));
    }

    /// <summary>A character becomes another one, or the text becomes another of the file as long as it: an edge, an operator or an attribute elsewhere.</summary>
    private static void Text(Span<byte> leaf, byte[] bytes, List<(Kind Kind, int Start, int Length)> leaves, Mutator m)
    {
        int length = leaf.Length;
        (Kind, int Start, int)[] alike = m.Chance(0.7) ? [.. leaves.Where(l => l.Kind == Kind.Bytes && l.Length == length)] : [];
        if (alike.Length > 1) bytes.AsSpan(m.One(alike).Start, length).ToArray().CopyTo(leaf);
        else leaf[m.Next(length)] = (byte)(' ' + m.Next('~' - ' '));
    }
}
