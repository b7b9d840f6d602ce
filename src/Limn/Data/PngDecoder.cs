using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Limn.Data;

/// <summary>Reads the chunks of a PNG file, and then its pixels row by row.</summary>
internal sealed class PngDecoder(byte[] file, ImageOptions options)
{
    private readonly List<ReadOnlyMemory<byte>> compressed = [];
    private PngHeader? header;
    private byte[]? palette;      // RGB triples
    private byte[]? transparency; // the tRNS chunk

    public Image Decode()
    {
        ReadChunks();
        PngHeader head = header!;
        long available = compressed.Sum(c => (long)c.Length);
        long expected = head.DataBytes();
        if (expected > Deflate.MostFrom(available))
            DataFile.Throw($"the PNG is truncated: its {available} compressed bytes cannot hold {head.Width}x{head.Height} pixels.");

        int channels = Channels(head);
        options.Check(head.Width, head.Height, channels);
        var image = new Image(head.Width, head.Height, channels);
        byte[] row = new byte[head.RowBytes(head.Width)], above = new byte[row.Length];
        var expander = new PngPixels(head, palette, transparency, image);
        using var data = new ZLibStream(new ChunkStream(compressed), CompressionMode.Decompress);
        try
        {
            foreach ((int x, int stepX, int y, int pixels, bool first) in head.Rows())
            {
                int length = (int)head.RowBytes(pixels);
                if (first) Array.Clear(above);
                int filter = data.ReadByte();
                if (filter < 0 || data.ReadAtLeast(row.AsSpan(0, length), length, throwOnEndOfStream: false) < length)
                    DataFile.Throw($"the PNG is truncated in row {y}.");
                if (filter >= PngFilter.Count) DataFile.Throw($"the PNG is corrupt: row {y} has the unknown filter {filter}.");
                PngFilter.Undo(filter, row.AsSpan(0, length), above.AsSpan(0, length), head.PixelBytes);
                expander.Put(row, x, stepX, y, pixels);
                (row, above) = (above, row);
            }
            if (data.ReadByte() >= 0) DataFile.Throw($"the PNG is corrupt: it holds more than its {expected} bytes of pixels.");
        }
        catch (Exception e) when (e is System.IO.InvalidDataException or IOException)
        {
            throw new InvalidDataException($"the PNG is corrupt: its pixels cannot be decompressed ({e.Message})", e);
        }
        return image;
    }

    private int Channels(PngHeader head) => head.Colour switch
    {
        PngColour.Grey when transparency is null => 1,
        PngColour.Rgb or PngColour.Palette when transparency is null => 3,
        _ => 4,
    };

    private void ReadChunks()
    {
        if (!file.AsSpan().StartsWith(PngFile.Signature)) DataFile.Throw("not a PNG file: its first 8 bytes are not the signature of one.");
        int at = PngFile.Signature.Length;
        string previous = "";
        for (string type = ""; type != "IEND"; previous = type)
        {
            if (file.Length - at < 12) DataFile.Throw("the PNG is truncated: its end marker is missing.");
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            type = Encoding.ASCII.GetString(file, at + 4, 4);
            if (!type.All(char.IsAsciiLetter)) DataFile.Throw("the PNG is corrupt: a chunk's name is not four letters.");
            if (length > file.Length - at - 12) DataFile.Throw($"the PNG is truncated: chunk {type} should have {length} bytes, and {file.Length - at - 12} are left.");
            uint crc = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at + 8 + (int)length));
            if (crc != Crc32.Of(file.AsSpan(at + 4, 4 + (int)length))) DataFile.Throw($"the PNG is corrupt: the checksum of chunk {type} is wrong.");
            if (header is null != (type == "IHDR")) DataFile.Throw("the PNG is corrupt: it must begin with its header, and have only one.");
            Take(type, file.AsMemory(at + 8, (int)length), previous);
            at += 12 + (int)length;
        }
        if (compressed.Count == 0) DataFile.Throw("the PNG is corrupt: it has no pixels (no IDAT chunk).");
        if (header!.Colour == PngColour.Palette && palette is null) DataFile.Throw("the PNG is corrupt: its palette is missing.");
    }

    private void Take(string type, ReadOnlyMemory<byte> chunk, string previous)
    {
        switch (type)
        {
            case "IHDR":
                header = PngHeader.Parse(chunk.Span, options);
                break;
            case "PLTE":
                int entries = chunk.Length / 3;
                if (palette is not null || compressed.Count > 0 || chunk.Length % 3 != 0 || entries is < 1 or > 256)
                    DataFile.Throw("the PNG is corrupt: its palette is malformed, given twice, or in the wrong place.");
                if (header!.Colour is PngColour.Grey or PngColour.GreyAlpha) DataFile.Throw("the PNG is corrupt: a grey picture has a palette.");
                palette = chunk.ToArray();
                break;
            case "tRNS":
                bool fits = header!.Colour switch
                {
                    PngColour.Grey => chunk.Length == 2,
                    PngColour.Rgb => chunk.Length == 6,
                    PngColour.Palette => palette is not null && chunk.Length <= palette.Length / 3,
                    _ => false,
                };
                if (!fits || transparency is not null || compressed.Count > 0) DataFile.Throw("the PNG is corrupt: its transparency is malformed or in the wrong place.");
                transparency = chunk.ToArray();
                break;
            case "IDAT":
                if (compressed.Count > 0 && previous != "IDAT") DataFile.Throw("the PNG is corrupt: its IDAT chunks are not one after the other.");
                compressed.Add(chunk);
                break;
            case "IEND":
                break;
            default:
                // An upper-case first letter marks a chunk without which the picture cannot be shown.
                if (char.IsAsciiLetterUpper(type[0])) DataFile.Throw($"the PNG needs the unknown chunk {type}.");
                break;
        }
    }

    /// <summary>The IDAT chunks as one stream.</summary>
    private sealed class ChunkStream(List<ReadOnlyMemory<byte>> chunks) : ReadOnlyStream
    {
        private int chunk;
        private int at;

        public override int Read(Span<byte> buffer)
        {
            while (chunk < chunks.Count && at == chunks[chunk].Length) (chunk, at) = (chunk + 1, 0);
            if (chunk == chunks.Count) return 0;
            int count = Math.Min(buffer.Length, chunks[chunk].Length - at);
            chunks[chunk].Span.Slice(at, count).CopyTo(buffer);
            at += count;
            return count;
        }
    }
}
