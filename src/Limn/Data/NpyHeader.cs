using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Limn.Data;

/// <summary>
/// The header of a <c>.npy</c> file: the magic <c>\x93NUMPY</c>, the version (1.0, 2.0 or 3.0), the length of the text, and the
/// text, a Python dictionary with exactly the keys <c>descr</c>, <c>fortran_order</c> and <c>shape</c>. It is read by a grammar of
/// its own that knows strings, True/False and tuples of whole numbers, and nothing else.
/// Source: NumPy Enhancement Proposal 1, and numpy.lib.format.
/// </summary>
internal sealed record NpyHeader(NpyType Type, bool BigEndian, bool FortranOrder, int[] Shape, int Count, int HeaderBytes)
{
    private const int MaximumTextBytes = 1 << 16;
    private const int MaximumRank = 64;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads the header and checks that <paramref name="fileBytes"/> is exactly what header and values need.</summary>
    public static NpyHeader Read(Stream stream, long fileBytes)
    {
        Span<byte> start = stackalloc byte[12];
        if (fileBytes < 10) DataFile.Throw($"not an .npy file: it has {fileBytes} bytes, and the header alone needs 10.");
        ReadExactly(stream, start[..10]);
        if (!start[..6].SequenceEqual(Magic)) DataFile.Throw(@"not an .npy file: it does not begin with \x93NUMPY.");
        int version = start[6];
        if (version is < 1 or > 3 || start[7] != 0)
            DataFile.Throw($".npy version {start[6]}.{start[7]} is not known; save the array as version 1.0, 2.0 or 3.0.");

        long textBytes = BinaryPrimitives.ReadUInt16LittleEndian(start[8..]);
        int before = 10;
        if (version > 1)
        {
            if (fileBytes < 12) DataFile.Throw($"the .npy file is truncated: it has {fileBytes} bytes, and the header alone needs 12.");
            ReadExactly(stream, start[10..]);
            textBytes = BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
            before = 12;
        }
        if (textBytes > fileBytes - before)
            DataFile.Throw($"the .npy file is truncated: its header should have {textBytes} bytes, and {fileBytes - before} are left.");
        if (textBytes > MaximumTextBytes) DataFile.Throw($"the .npy header has {textBytes} bytes; at most {MaximumTextBytes} make sense.");
        byte[] text = new byte[textBytes];
        ReadExactly(stream, text);
        NpyHeader header = new Parser((version == 3 ? Encoding.UTF8 : Encoding.Latin1).GetString(text)).Parse(before + (int)textBytes);

        long expected = header.HeaderBytes + ((long)header.Count * header.Type.Size());
        if (expected != fileBytes)
        {
            DataFile.Throw($"the .npy file has {fileBytes} bytes, but its header promises {header.Count} values of type {header.Type}"
                + $", which makes {expected}; the file is {(fileBytes < expected ? "truncated" : "followed by something else")}.");
        }
        return header;
    }

    /// <summary>The bytes of a version 1.0 header for row-major, little-endian values: padded with spaces to a multiple of 64.</summary>
    public static byte[] Write(string descr, ReadOnlySpan<nint> shape)
    {
        var text = new StringBuilder($"{{'descr': '{descr}', 'fortran_order': False, 'shape': (");
        foreach (nint length in shape) text.Append(CultureInfo.InvariantCulture, $"{length}, ");
        if (shape.Length > 1) text.Length -= 2; // (3, 4), but (3,)
        else if (shape.Length == 1) text.Length--;
        text.Append("), }");
        text.Append(' ', 63 - ((10 + text.Length) % 64)).Append('\n');
        byte[] bytes = new byte[10 + text.Length];
        Magic.CopyTo(bytes);
        bytes[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)text.Length);
        Encoding.ASCII.GetBytes(text.ToString(), bytes.AsSpan(10));
        return bytes;
    }

    private static void ReadExactly(Stream stream, Span<byte> buffer)
    {
        if (stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false) < buffer.Length)
            DataFile.Throw("the .npy file is truncated within its header.");
    }

    private sealed class Parser(string text)
    {
        private int at;

        public NpyHeader Parse(int headerBytes)
        {
            string? descr = null;
            bool? fortran = null;
            int[]? shape = null;
            Expect('{');
            while (Peek() != '}')
            {
                string key = String();
                Expect(':');
                if (key == "descr" && descr is null) descr = Peek() == '[' ? throw Wrong("structured element types are not read") : String();
                else if (key == "fortran_order" && fortran is null) fortran = Boolean();
                else if (key == "shape" && shape is null) shape = Tuple();
                else throw Wrong($"the key '{key}' is unknown or given twice");
                if (Peek() == ',') at++;
                else if (Peek() != '}') throw Wrong("a comma or } is missing");
            }
            Expect('}');
            if (Peek() != '\0' || at < text.Length) throw Wrong("something follows the dictionary");
            if (descr is null || fortran is null || shape is null) throw Wrong("one of descr, fortran_order, shape is missing");
            if (!NpyTypes.TryParse(descr, out NpyType type, out bool bigEndian))
            {
                throw new InvalidDataException($"the .npy file holds values of type '{descr}', which is not read; save bool, (u)int8 to (u)int64, "
                    + "or float16 to float64 instead, for example array.astype('float32').");
            }
            return new NpyHeader(type, bigEndian, fortran.Value, shape, Product(shape), headerBytes);
        }

        private static int Product(int[] shape)
        {
            // A zero anywhere makes an empty array, whatever the other lengths are; without one the product only grows.
            if (Array.IndexOf(shape, 0) >= 0) return 0;
            long count = 1;
            foreach (int length in shape)
            {
                count *= length;
                if (count > Array.MaxLength)
                    DataFile.Throw($"the .npy file holds an array of shape ({string.Join(", ", shape)}), more than the {Array.MaxLength} values that fit.");
            }
            return (int)count;
        }

        // '\0' marks the end; a NUL within the text is never valid, and is told from the end by the position.
        private char Peek()
        {
            while (at < text.Length && text[at] is ' ' or '\n' or '\t' or '\r') at++;
            return at < text.Length ? text[at] : '\0';
        }

        private void Expect(char c)
        {
            if (Peek() != c) throw Wrong($"'{c}' is expected");
            at++;
        }

        private string String()
        {
            char quote = Peek();
            if (quote is not ('\'' or '"')) throw Wrong("a string is expected");
            int end = text.IndexOf(quote, ++at);
            if (end < 0) throw Wrong("a string does not end");
            string value = text[at..end];
            if (value.Contains('\\')) throw Wrong("a string has an escape");
            at = end + 1;
            return value;
        }

        private bool Boolean()
        {
            Peek();
            foreach ((string word, bool value) in ((string, bool)[])[("True", true), ("False", false)])
            {
                if (string.CompareOrdinal(text, at, word, 0, word.Length) != 0) continue;
                at += word.Length;
                return value;
            }
            throw Wrong("True or False is expected");
        }

        private int[] Tuple()
        {
            List<int> lengths = [];
            Expect('(');
            bool comma = true;
            while (Peek() != ')')
            {
                if (!comma) throw Wrong("a comma is missing");
                lengths.Add(Number());
                comma = Peek() == ',';
                if (comma) at++;
            }
            if (lengths.Count == 1 && !comma) throw Wrong("a tuple of one number needs a comma");
            if (lengths.Count > MaximumRank) throw Wrong($"the array has more than {MaximumRank} dimensions");
            at++;
            return [.. lengths];
        }

        private int Number()
        {
            int start = at;
            while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
            if (at == start) throw Wrong("a whole number is expected");
            return int.TryParse(text.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture, out int value)
                ? value
                : throw Wrong($"the length {text[start..Math.Min(at, start + 30)]} is too large");
        }

        private InvalidDataException Wrong(string what) => new($"the .npy header is malformed at character {at}: {what}.");
    }
}
