using System.IO.Compression;
using System.Numerics.Tensors;
using System.Text;
using Limn.Data;
using Limn.Engine.Tests;
using Limn.Tests.Data;

namespace Limn.Tests.Fuzzing;

/// <summary>Damaged pictures, arrays and tables must be refused, or read, within bounds.</summary>
public class DataFuzzTests
{
    [Fact]
    public void Damaged_pictures_are_refused_or_read()
    {
        byte[][] seeds = [Png(5, 4, 3), Png(17, 9, 1), Png(1, 1, 4)];
        int alive = Fuzz.Run(3000, seed =>
        {
            var m = new Mutator(seed);
            PngFile.Decode(Repaired(m.Damage(m.One(seeds), m.One(seeds)), m));
        });
        Assert.InRange(alive, 1, 3000 * Fuzz.Times - 1);
    }

    [JpegFact("images", "cat.jpg")]
    public void Damaged_photographs_are_refused_or_read()
    {
        byte[] photograph = File.ReadAllBytes(SharedFiles.Find("images", "cat.jpg")!);
        Fuzz.Run(300, seed =>
        {
            var m = new Mutator(seed);
            JpegFile.Decode(m.Damage(photograph, photograph), new ImageOptions { MaximumPixels = 1 << 22 });
        });
    }

    [Fact]
    public void Damaged_arrays_are_refused_or_read()
    {
        byte[][] seeds = [Npy(Tensor.Create<float>([1, 2, 3, 4, 5, 6], [2, 3])), Npy(Tensor.Create<long>([1, 2], [2])), Npy(Tensor.Create<double>([.5], [1]))];
        int alive = Fuzz.Run(3000, seed =>
        {
            var m = new Mutator(seed);
            byte[] damaged = m.Damage(m.One(seeds), m.One(seeds));
            using var stream = new MemoryStream(damaged);
            NpyFile.Read(stream, damaged.Length).ToFloat();
        });
        Assert.InRange(alive, 1, 3000 * Fuzz.Times - 1);
    }

    [Fact]
    public void Damaged_archives_are_refused_or_read()
    {
        using var folder = new TemporaryFolder();
        byte[] array = Npy(Tensor.Create<float>([1, 2, 3, 4, 5, 6], [2, 3]));
        byte[][] seeds = [Npz(CompressionLevel.NoCompression, array), Npz(CompressionLevel.Optimal, array)];
        int alive = Fuzz.Run(1000, seed =>
        {
            var m = new Mutator(seed);
            string path = folder[$"{seed}.npz"];
            File.WriteAllBytes(path, m.Damage(m.One(seeds), m.One(seeds)));
            try
            {
                foreach (NpyArray read in NpzFile.Read(path).Values) read.ToFloat();
            }
            finally
            {
                File.Delete(path);
            }
        });
        Assert.InRange(alive, 0, 1000 * Fuzz.Times - 1);
    }

    [Fact]
    public void Damaged_tables_are_refused_or_read()
    {
        byte[][] seeds = ["a,b,c\n1,2,3\n4,5,6\n"u8.ToArray(), "x;y\n1,5;2\n"u8.ToArray(), "\"a\"\"b\",c\n\"1\n2\",3\n"u8.ToArray()];
        int alive = Fuzz.Run(3000, seed =>
        {
            var m = new Mutator(seed);
            CsvTable.Parse(Encoding.UTF8.GetString(m.Damage(m.One(seeds), m.One(seeds))));
        });
        Assert.InRange(alive, 1, 3000 * Fuzz.Times);
    }

    /// <summary>Half of the damaged pictures get right checksums again, so that the damage reaches the decoder.</summary>
    private static byte[] Repaired(byte[] png, Mutator m)
    {
        if (m.Chance(0.5)) return png;
        for (int at = 8; at + 12 <= png.Length;)
        {
            uint length = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(at));
            if (length > png.Length - at - 12) break;
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(at + 8 + (int)length), Crc32.Of(png.AsSpan(at + 4, (int)length + 4)));
            at += 12 + (int)length;
        }
        return png;
    }

    private static byte[] Png(int width, int height, int channels)
    {
        var pixels = new byte[width * height * channels];
        new Random(width).NextBytes(pixels);
        return PngFile.Encode(new Image(width, height, channels, pixels));
    }

    private static byte[] Npy<T>(Tensor<T> values) where T : unmanaged
    {
        using var stream = new MemoryStream();
        NpyFile.Write(stream, values);
        return stream.ToArray();
    }

    private static byte[] Npz(CompressionLevel level, byte[] array)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            using Stream entry = zip.CreateEntry("a.npy", level).Open();
            entry.Write(array);
        }
        return stream.ToArray();
    }
}
