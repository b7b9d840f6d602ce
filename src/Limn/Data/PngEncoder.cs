using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Limn.Data;

/// <summary>
/// Writes 8-bit PNG files. Each row gets the filter whose output, read as signed bytes, has the smallest sum of magnitudes, which is
/// the heuristic that the PNG specification (section 12.7) recommends.
/// </summary>
internal static class PngEncoder
{
    private const int ChunkBytes = 1 << 20;

    public static void Write(Stream stream, Image image)
    {
        stream.Write(PngFile.Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], image.Height);
        header[8] = 8;
        header[9] = (byte)(image.Channels switch { 1 => PngColour.Grey, 3 => PngColour.Rgb, _ => PngColour.Rgba });
        header[10..].Clear();
        WriteChunk(stream, "IHDR", header);

        using var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true)) WriteRows(zlib, image);
        ReadOnlySpan<byte> data = compressed.GetBuffer().AsSpan(0, (int)compressed.Length);
        for (; data.Length > 0; data = data[Math.Min(ChunkBytes, data.Length)..]) WriteChunk(stream, "IDAT", data[..Math.Min(ChunkBytes, data.Length)]);
        WriteChunk(stream, "IEND", []);
    }

    private static void WriteRows(Stream zlib, Image image)
    {
        int length = image.Width * image.Channels;
        byte[] zeros = new byte[length], candidate = new byte[length + 1], best = new byte[length + 1];
        for (int y = 0; y < image.Height; y++)
        {
            ReadOnlySpan<byte> row = image.Pixels.AsSpan(y * length, length);
            ReadOnlySpan<byte> above = y == 0 ? zeros : image.Pixels.AsSpan((y - 1) * length, length);
            long smallest = long.MaxValue;
            for (int filter = 0; filter < PngFilter.Count; filter++)
            {
                candidate[0] = (byte)filter;
                PngFilter.Apply(filter, row, above, candidate.AsSpan(1), image.Channels);
                long sum = 0;
                foreach (byte b in candidate.AsSpan(1)) sum += Math.Abs((int)(sbyte)b);
                if (sum >= smallest) continue;
                smallest = sum;
                (candidate, best) = (best, candidate);
            }
            zlib.Write(best);
        }
    }

    private static void WriteChunk(Stream stream, string type, ReadOnlySpan<byte> data)
    {
        Span<byte> word = stackalloc byte[4], name = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
        stream.Write(word);
        Encoding.ASCII.GetBytes(type, name);
        stream.Write(name);
        stream.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(word, Crc32.Of(data, Crc32.Of(name)));
        stream.Write(word);
    }
}
