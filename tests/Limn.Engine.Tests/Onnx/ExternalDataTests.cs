using Google.Protobuf;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using static Limn.Engine.Tests.Onnx.Models;

namespace Limn.Engine.Tests.Onnx;

public sealed class ExternalDataTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("limn").FullName;
    private readonly string folder;

    public ExternalDataTests()
    {
        folder = Path.Combine(root, "model");
        Directory.CreateDirectory(Path.Combine(folder, "sub"));
        byte[] weights = [.. new[] { 1f, 2f, 3f, 4f }.SelectMany(BitConverter.GetBytes)];
        foreach (string path in new[] { "model/w.bin", "model/sub/w.bin", "outside.bin" }) File.WriteAllBytes(Path.Combine(root, path), weights);
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    private float[] Load(TensorProto tensor, OnnxReadOptions? options = null)
    {
        string path = Path.Combine(folder, "m.onnx");
        File.WriteAllBytes(path, Model().With(tensor).WithOutput(tensor.Name).ToByteArray());
        OnnxFile file = OnnxReader.Read(path, options);
        return file.Graph.Initializers[file.Graph.Outputs[0]].Floats.ToArray();
    }

    private void Refused(string because, TensorProto tensor, OnnxReadOptions? options = null)
    {
        string message = Assert.Throws<InvalidModelException>(() => Load(tensor, options)).Message;
        Assert.StartsWith("m.onnx:", message, StringComparison.Ordinal);
        Assert.Contains(because, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_beside_the_model_are_read_at_their_offset()
    {
        Assert.Equal([1f, 2f, 3f, 4f], Load(External("w", 4, ("location", "w.bin"))));
        Assert.Equal([3f], Load(External("w", 1, ("location", "sub/w.bin"), ("offset", "8"), ("length", "4"), ("checksum", "00"))));
        Assert.Equal([2f, 3f], Load(External("w", 2, ("location", "./w.bin"), ("offset", "4"))));
    }

    [Fact]
    public void Large_weights_are_read_in_pieces()
    {
        float[] many = [.. Enumerable.Range(0, 3_000_000).Select(i => (float)i)];
        File.WriteAllBytes(Path.Combine(folder, "big.bin"), System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(many).ToArray());
        Assert.Equal(many, Load(External("w", many.Length, ("location", "big.bin"))));
    }

    [Fact]
    public void Files_outside_the_folder_are_not_read()
    {
        Refused("outside", External("w", 4, ("location", "../outside.bin")));
        Refused("outside", External("w", 4, ("location", "sub/../../outside.bin")));
        Refused("outside", External("w", 4, ("location", "..\\outside.bin")));
        Refused("outside", External("w", 4, ("location", Path.Combine(root, "outside.bin"))));
        Refused("outside", External("w", 4, ("location", Path.Combine(folder, "w.bin"))));
    }

    [Fact]
    public void Links_may_stay_inside_and_not_leave()
    {
        if (OperatingSystem.IsWindows()) return; // making links needs a privilege there
        File.CreateSymbolicLink(Path.Combine(folder, "inner"), "sub/w.bin");
        File.CreateSymbolicLink(Path.Combine(folder, "outer"), "../outside.bin");
        File.CreateSymbolicLink(Path.Combine(folder, "twice"), "outer");
        File.CreateSymbolicLink(Path.Combine(folder, "round"), "round");
        Directory.CreateSymbolicLink(Path.Combine(folder, "up"), root);
        Assert.Equal([1f, 2f, 3f, 4f], Load(External("w", 4, ("location", "inner"))));
        Refused("outside", External("w", 4, ("location", "outer")));
        Refused("outside", External("w", 4, ("location", "twice")));
        Refused("outside", External("w", 4, ("location", "up/outside.bin")));
        Refused("links", External("w", 4, ("location", "round")));
    }

    [Fact]
    public void A_model_folder_behind_a_link_is_read()
    {
        if (OperatingSystem.IsWindows()) return;
        Load(External("w", 4, ("location", "w.bin")));
        Directory.CreateSymbolicLink(Path.Combine(root, "alias"), folder);
        Assert.Single(OnnxReader.Read(Path.Combine(root, "alias", "m.onnx")).Graph.Initializers);
    }

    [Fact]
    public void Offsets_and_lengths_must_fit_the_file_and_the_shape()
    {
        Refused("has 16 bytes", External("w", 5, ("location", "w.bin")));
        Refused("has 16 bytes", External("w", 4, ("location", "w.bin"), ("offset", "1")));
        Refused("has 16 bytes", External("w", 1, ("location", "w.bin"), ("offset", long.MaxValue.ToString())));
        Refused("has 16 bytes", External("w", 1 << 30, ("location", "w.bin")));
        Refused("need 16", External("w", 4, ("location", "w.bin"), ("length", "12")));
        Refused("not negative", External("w", 4, ("location", "w.bin"), ("offset", "-4")));
        Refused("not negative", External("w", 4, ("location", "w.bin"), ("length", "x")));
        Refused("no file", External("w", 4));
        Refused("unknown entry", External("w", 4, ("location", "w.bin"), ("where", "here")));
        Refused("cannot be read", External("w", 4, ("location", "missing.bin")));
        Refused("cannot be read", External("w", 4, ("location", "sub")));
        Refused("MaxExternalBytes", External("w", 4, ("location", "w.bin")), new OnnxReadOptions { MaxExternalBytes = 15 });
    }

    [Fact]
    public void A_model_from_memory_has_no_folder_unless_one_is_given()
    {
        ModelProto model = Model().With(External("w", 4, ("location", "w.bin"))).WithOutput("w");
        Assert.Contains("ExternalDataFolder", Assert.Throws<InvalidModelException>(() => Read(model)).Message, StringComparison.Ordinal);
        Assert.Single(Read(model, new OnnxReadOptions { ExternalDataFolder = folder }).Graph.Initializers);
    }
}
