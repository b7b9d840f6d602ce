using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Limn.Trees;

/// <summary>Reads Universal Binary JSON (draft 12), all of it but the high-precision numbers (H).</summary>
/// <remarks>
/// No length is believed before the bytes for it are seen to be there, so a file cannot ask for more memory than a small multiple of its size. Of typed
/// containers ($) those of numbers, characters and texts are read: others, which nobody writes, could promise many items in no bytes.
/// </remarks>
internal ref struct UbjsonFile
{
    private const int Deepest = 64;

    private readonly ReadOnlySpan<byte> bytes;
    private int at;

    private UbjsonFile(ReadOnlySpan<byte> bytes) => this.bytes = bytes;

    /// <summary>The file's value, as <see cref="JsonFile.Read"/> gives it.</summary>
    /// <exception cref="InvalidModelException">It is not UBJSON, is cut off, or nests deeper than 64.</exception>
    public static object? Read(ReadOnlySpan<byte> bytes)
    {
        var file = new UbjsonFile(bytes);
        object? value = file.Value(file.Marker(), 0);
        while (file.at < bytes.Length)
        {
            if (bytes[file.at++] != 'N') file.Fail("something follows the end");
        }
        return value;
    }

    private byte Next()
    {
        if (at >= bytes.Length) Fail("it is cut off");
        return bytes[at++];
    }

    /// <summary>The next marker that is not the no-op N.</summary>
    private byte Marker()
    {
        byte marker;
        do marker = Next();
        while (marker == 'N');
        return marker;
    }

    private ReadOnlySpan<byte> Take(long length)
    {
        if (length < 0 || length > bytes.Length - at) Fail($"a length of {length} goes beyond its end");
        ReadOnlySpan<byte> taken = bytes.Slice(at, (int)length);
        at += (int)length;
        return taken;
    }

    private object? Value(byte marker, int depth) => marker switch
    {
        (byte)'{' => Object(depth + 1),
        (byte)'[' => Array(depth + 1),
        (byte)'S' => Text(),
        (byte)'C' => ((char)Next()).ToString(),
        (byte)'Z' => null,
        (byte)'T' => 1.0,
        (byte)'F' => 0.0,
        _ => Number(marker),
    };

    private string Text() => Encoding.UTF8.GetString(Take(Length(Next())));

    private double Number(byte marker)
    {
        ReadOnlySpan<byte> b = Take(Width(marker));
        return marker switch
        {
            (byte)'i' => (sbyte)b[0],
            (byte)'U' => b[0],
            (byte)'I' => BinaryPrimitives.ReadInt16BigEndian(b),
            (byte)'l' => BinaryPrimitives.ReadInt32BigEndian(b),
            (byte)'L' => BinaryPrimitives.ReadInt64BigEndian(b),
            (byte)'d' => BinaryPrimitives.ReadSingleBigEndian(b),
            _ => BinaryPrimitives.ReadDoubleBigEndian(b),
        };
    }

    private readonly int Width(byte marker)
    {
        switch (marker)
        {
            case (byte)'i' or (byte)'U': return 1;
            case (byte)'I': return 2;
            case (byte)'l' or (byte)'d': return 4;
            case (byte)'L' or (byte)'D': return 8;
            default:
                Fail($"the byte {marker} stands where a value should begin");
                return 0;
        }
    }

    private long Length(byte marker)
    {
        if (marker is (byte)'d' or (byte)'D') Fail("a length is no whole number");
        double length = Number(marker);
        if (length < 0 || length > bytes.Length) Fail($"a length of {length} goes beyond its end");
        return (long)length;
    }

    /// <summary>What may follow the opening of a container: a type for all items, and their number; zero and -1 where there is none.</summary>
    private (byte Type, long Count) Header()
    {
        byte type = 0;
        if (at < bytes.Length && bytes[at] == '$')
        {
            at++;
            type = Next();
            if (type is not ((byte)'S' or (byte)'C')) Width(type);
            if (Peek() != '#') Fail("a typed container has no count");
        }
        if (Peek() != '#') return (type, -1);
        at++;
        return (type, Length(Next()));
    }

    private readonly byte Peek()
    {
        if (at >= bytes.Length) Fail("it is cut off");
        return bytes[at];
    }

    private object Array(int depth)
    {
        if (depth > Deepest) Fail($"it nests deeper than {Deepest}");
        (byte type, long count) = Header();
        if (type is not (0 or (byte)'S' or (byte)'C')) return Numbers(type, count);
        List<double> numbers = [];
        List<object?>? items = null;
        for (long i = 0; i != count; i++)
        {
            byte marker = type != 0 ? type : Marker();
            if (count < 0 && marker == ']') break;
            object? item = Value(marker, depth);
            if (items is null && item is double number) numbers.Add(number);
            else (items ??= [.. numbers.Select(n => (object?)n)]).Add(item);
        }
        return items ?? (object)numbers.ToArray();
    }

    private double[] Numbers(byte type, long count)
    {
        if (count * Width(type) > bytes.Length - at) Fail($"an array of {count} numbers goes beyond its end");
        var numbers = new double[count];
        for (int i = 0; i < numbers.Length; i++) numbers[i] = Number(type);
        return numbers;
    }

    private Dictionary<string, object?> Object(int depth)
    {
        if (depth > Deepest) Fail($"it nests deeper than {Deepest}");
        (byte type, long count) = Header();
        Dictionary<string, object?> members = [];
        for (long i = 0; i != count; i++)
        {
            byte marker = Marker();
            if (count < 0 && marker == '}') break;
            string name = Encoding.UTF8.GetString(Take(Length(marker)));
            members[name] = Value(type != 0 ? type : Marker(), depth);
        }
        return members;
    }

    [DoesNotReturn]
    private readonly void Fail(string what) => throw new InvalidModelException($"The file is no valid UBJSON: {what} (at byte {at} of {bytes.Length}).");
}
