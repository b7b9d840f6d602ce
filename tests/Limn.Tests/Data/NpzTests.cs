using System.IO.Compression;
using System.Numerics.Tensors;
using Limn.Data;

namespace Limn.Tests.Data;

public class NpzTests
{
    // numpy.savez_compressed(a=zeros(100, float32), b=array(True)), NumPy 1.24.
    private const string Numpy = "UEsDBBQAAAAIAAAAIQDvuX0bSwAAABACAAAFABQAYS5ucHkBABAAEAIAAAAAAABLAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GoYGBjqaOgq1CmQDLoZRMKgAAFBLAwQUAAAACAAAACEAgi3400MAAACBAAAABQAUAGIubnB5AQAQAIEAAAAAAAAAQwAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBek2SorqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RqaOgq1ChQBLkYAUEsBAhQDFAAAAAgAAAAhAO+5fRtLAAAAEAIAAAUAAAAAAAAAAAAAAIABAAAAAGEubnB5UEsBAhQDFAAAAAgAAAAhAIIt+NNDAAAAgQAAAAUAAAAAAAAAAAAAAIABggAAAGIubnB5UEsFBgAAAAACAAIAZgAAAPwAAAAAAA==";

    [Fact]
    public void An_archive_of_numpy_is_read()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.npz", Convert.FromBase64String(Numpy));
        Assert.Equal(["a", "b"], NpzFile.Names(path));
        IReadOnlyDictionary<string, NpyArray> arrays = NpzFile.Read(path);
        Assert.Equal(new float[100], arrays["a"].Elements<float>().ToArray());
        Assert.True(arrays["b"].Elements<bool>()[0]);
        Assert.Equal(NpyType.Boolean, NpzFile.Read(path, "b").Type);
        Assert.Equal(NpyType.Boolean, NpzFile.Read(path, "b.npy").Type);
        var error = Assert.Throws<Limn.InvalidDataException>(() => NpzFile.Read(path, "c"));
        Assert.Contains("a, b", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Too_much_is_refused_before_it_is_unpacked()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.npz", Convert.FromBase64String(Numpy));
        Assert.Throws<Limn.InvalidDataException>(() => NpzFile.Read(path, maximumBytes: 600)); // 528 + 129
        Assert.Equal(2, NpzFile.Read(path, maximumBytes: 657).Count);
        Assert.Throws<Limn.InvalidDataException>(() => NpzFile.Read(path, "a", maximumBytes: 500));
    }

    [Fact]
    public void A_size_that_the_compressed_bytes_cannot_make_is_refused()
    {
        using var folder = new TemporaryFolder();
        byte[] file = Convert.FromBase64String(Numpy);
        // The uncompressed size of the first entry in the central directory: 1 GiB of 75 bytes.
        int central = file.AsSpan().IndexOf("PK\x01\x02"u8);
        file[central + 24 + 3] = 0x40;
        var error = Assert.Throws<Limn.InvalidDataException>(() => NpzFile.Read(folder.Write("bomb.npz", file)));
        Assert.Contains("cannot hold", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damage_is_found_by_the_checksum()
    {
        using var folder = new TemporaryFolder();
        string path = folder["stored.npz"];
        using (var zip = new ZipArchive(File.Create(path), ZipArchiveMode.Create))
        {
            using Stream entry = zip.CreateEntry("x.npy", CompressionLevel.NoCompression).Open();
            NpyFile.Write(entry, Tensor.Create([1f, 2, 3], [3]));
        }
        Assert.Equal([1f, 2, 3], NpzFile.Read(path)["x"].Elements<float>());
        byte[] file = File.ReadAllBytes(path);
        file[file.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x00, 0x00, 0x80, 0x3F]) + 2] ^= 1; // within 1f
        Assert.Contains("checksum", Assert.Throws<Limn.InvalidDataException>(() => NpzFile.Read(folder.Write("damaged.npz", file))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_archive_cut_anywhere_or_with_a_changed_byte_reads_or_is_refused()
    {
        using var folder = new TemporaryFolder();
        byte[] file = Convert.FromBase64String(Numpy);
        string path = folder["mutant.npz"];
        for (int at = 0; at < file.Length; at++)
        {
            File.WriteAllBytes(path, file[..at]);
            Assert.Throws<Limn.InvalidDataException>(() => NpzFile.Read(path));
            byte[] mutant = [.. file];
            mutant[at] ^= (byte)(1 << (at % 8));
            File.WriteAllBytes(path, mutant);
            Exception? error = Record.Exception(() => NpzFile.Read(path));
            Assert.True(error is null or LimnException, $"byte {at}: {error}");
        }
    }

    [Fact]
    public void Another_kind_of_entry_is_named()
    {
        using var folder = new TemporaryFolder();
        using (var zip = new ZipArchive(File.Create(folder["a.npz"]), ZipArchiveMode.Create)) zip.CreateEntry("readme.txt");
        Assert.Contains("readme.txt", Assert.Throws<Limn.InvalidDataException>(() => NpzFile.Names(folder["a.npz"])).Message, StringComparison.Ordinal);
        Assert.Throws<Limn.InvalidDataException>(() => NpzFile.Names(folder.Write("no.npz", [1, 2, 3])));
    }

    [SharedFact("models/squeezenet/kitten_reference.npz")]
    public void The_reference_of_squeezenet_is_read()
    {
        IReadOnlyDictionary<string, NpyArray> arrays = NpzFile.Read(SharedFiles.Path("models/squeezenet/kitten_reference.npz"));
        Assert.Equal(["in_data_0", "out0", "logit", "target", "grad"], arrays.Keys);
        Assert.Equal([1, 3, 224, 224], arrays["in_data_0"].Shape);
        Assert.Equal(NpyType.Float64, arrays["grad"].Type);
        Assert.Equal(281, arrays["target"].ToInt64()[0]); // tabby
        ReadOnlySpan<float> output = arrays["out0"].Elements<float>();
        Assert.Equal(281, System.Numerics.Tensors.TensorPrimitives.IndexOfMax(output));
    }

    [SharedFact("models/lstm/tract_byte_sb_bidi_lstm_io.npz")]
    public void The_bytes_of_the_lstm_are_read() =>
        Assert.Equal([2, 58], NpzFile.Read(SharedFiles.Path("models/lstm/tract_byte_sb_bidi_lstm_io.npz"), "input").Shape);
}
