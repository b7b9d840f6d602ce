using System.Buffers.Binary;
using System.IO.Compression;

namespace Limn.Tests.Data;

/// <summary>A PNG writer of its own, slow and plain, for any colour type, depth and interlacing; every row has the next filter.</summary>
internal static class TestPng
{
    // The pass (1 to 7) of each pixel of an 8 x 8 block, from the figure in the specification.
    private static readonly string[] Adam7 = ["16462646", "77777777", "56565656", "77777777", "36463646", "77777777", "56565656", "77777777"];

    public static int Samples(int colour) => colour switch { 0 or 3 => 1, 4 => 2, 2 => 3, _ => 4 };

    public static byte[] Write(int width, int height, int depth, int colour, bool interlaced, Func<int, int, int, int> sample, params (string Type, byte[] Data)[] chunks)
    {
        using var data = new MemoryStream();
        using (var zlib = new ZLibStream(data, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(Rows(width, height, depth, colour, interlaced, sample));
        byte[] idat = data.ToArray();
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = ((byte)depth, (byte)colour, (byte)(interlaced ? 1 : 0));
        int half = idat.Length / 2; // two chunks, for a reader has to join them
        return Join([("IHDR", header), .. chunks, ("IDAT", idat[..half]), ("IDAT", idat[half..]), ("IEND", [])]);
    }

    public static byte[] Join(params (string Type, byte[] Data)[] chunks)
    {
        using var file = new MemoryStream();
        file.Write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]);
        foreach ((string type, byte[] data) in chunks)
        {
            byte[] named = [.. System.Text.Encoding.ASCII.GetBytes(type), .. data];
            byte[] word = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
            file.Write(word);
            file.Write(named);
            BinaryPrimitives.WriteUInt32BigEndian(word, Crc(named));
            file.Write(word);
        }
        return file.ToArray();
    }

    private static byte[] Rows(int width, int height, int depth, int colour, bool interlaced, Func<int, int, int, int> sample)
    {
        List<byte> bytes = [];
        int filter = 0, pixelBytes = Math.Max(1, Samples(colour) * depth / 8);
        for (int pass = interlaced ? 1 : 0; pass <= (interlaced ? 7 : 0); pass++)
        {
            byte[]? above = null;
            for (int y = 0; y < height; y++)
            {
                List<int> bits = [];
                for (int x = 0; x < width; x++)
                {
                    if (interlaced && Adam7[y % 8][x % 8] - '0' != pass) continue;
                    for (int s = 0; s < Samples(colour); s++)
                        for (int bit = depth - 1; bit >= 0; bit--) bits.Add((sample(x, y, s) >> bit) & 1);
                }
                if (bits.Count == 0) continue;
                while (bits.Count % 8 > 0) bits.Add(0);
                byte[] row = [.. bits.Chunk(8).Select(b => (byte)b.Aggregate(0, (v, bit) => (2 * v) + bit))];
                above ??= new byte[row.Length];
                bytes.Add((byte)filter);
                for (int i = 0; i < row.Length; i++)
                {
                    int a = i < pixelBytes ? 0 : row[i - pixelBytes], b = above[i], c = i < pixelBytes ? 0 : above[i - pixelBytes];
                    int p = a + b - c;
                    int paeth = new[] { a, b, c }.MinBy(v => Math.Abs(p - v)); // the first of equals
                    bytes.Add((byte)(row[i] - filter switch { 0 => 0, 1 => a, 2 => b, 3 => (a + b) / 2, _ => paeth }));
                }
                above = row;
                filter = (filter + 1) % 5;
            }
        }
        return [.. bytes];
    }

    private static uint Crc(byte[] bytes)
    {
        uint crc = 0xFFFFFFFF;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int k = 0; k < 8; k++) crc = (crc & 1) == 1 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}
