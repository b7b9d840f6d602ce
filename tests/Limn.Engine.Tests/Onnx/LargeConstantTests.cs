using System.Runtime.InteropServices;
using Google.Protobuf;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using static Limn.Engine.Tests.Onnx.Models;
using Kind = Limn.Engine.Onnx.Schema.AttributeProto.Types.AttributeType;

namespace Limn.Engine.Tests.Onnx;

/// <summary>Weights in Constant nodes are read like initializers: straight from the file, once.</summary>
public sealed class LargeConstantTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("limn").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(ElementType.Float, 1.2)]
    [InlineData(ElementType.Float16, 2.2)] // each becomes a float
    public void Opening_a_file_takes_its_weights_once(ElementType type, double times)
    {
        const int Bytes = 32 << 20;
        int count = Bytes * 8 / type.Bits();
        var values = new byte[Bytes];
        values[^1] = 0x40; // 2
        string path = Save(Model(Constant("w", Raw("", type, values, count)), Node("Add", ["x", "w"], ["y"]))
            .WithInput("x", ElementType.Float, 1).WithOutput("y"));
        OnnxReader.Read(path);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Graph graph = OnnxReader.Read(path).Graph;
        long taken = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(2f, graph.Initializers[graph.Find("w")!].Floats[^1]);
        Assert.InRange(taken, Bytes, (long)(times * Bytes));
    }

    [Fact]
    public void Large_and_small_nodes_keep_their_order_and_their_contents()
    {
        float[] ramp = [.. Enumerable.Range(0, 3000).Select(i => (float)i)];
        TensorProto keys = Raw("", ElementType.Int64, MemoryMarshal.AsBytes<long>([.. Enumerable.Range(0, 1000).Select(i => (long)i)]).ToArray(), 1000);
        TensorProto labels = Raw("", ElementType.Int64, MemoryMarshal.AsBytes<long>([.. Enumerable.Range(0, 1000).Select(i => 2L * i)]).ToArray(), 1000);
        NodeProto encoder = Node("LabelEncoder", ["i"], ["j"], Attribute("keys_tensor", keys), Attribute("values_tensor", labels), Attribute("default_tensor", Raw("", ElementType.Int64, new byte[8], 1)));
        encoder.Domain = "ai.onnx.ml";
        ModelProto model = Model(Constant("a", Raw("", ElementType.Float, MemoryMarshal.AsBytes<float>(ramp).ToArray(), 3000)), encoder,
            Constant("one", Raw("", ElementType.Float, BitConverter.GetBytes(1f), 1)), Constant("b", Floats("", ramp, 3000)), Node("Gather", ["a", "j"], ["g"]), Node("Gather", ["b", "j"], ["h"]), Node("Add", ["g", "one"], ["s"]), Node("Add", ["s", "h"], ["y"]))
            .WithInput("i", ElementType.Int64, 2).WithOutput("y");
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "ai.onnx.ml", Version = 4 });
        string path = Save(model);
        foreach (Graph graph in new[] { OnnxReader.Read(path).Graph, OnnxReader.Read(File.ReadAllBytes(path)).Graph })
        {
            Assert.Equal(["a", "one", "b"], graph.Initializers.Keys.Select(v => v.Name));
            Assert.Equal([(7 * 4) + 1f, (999 * 4) + 1f], new Session(graph).Run(NdArray.Vector(7L, 999L))[0].Floats.ToArray());
        }
    }

    [Fact]
    public void A_constant_whose_data_do_not_fit_is_refused()
    {
        string path = Save(Model(Constant("w", Raw("", ElementType.Float, new byte[8000], 1999)), Identity("w", "y")).WithOutput("y"));
        Assert.Contains("8000 bytes", Assert.Throws<InvalidModelException>(() => OnnxReader.Read(path)).Message, StringComparison.Ordinal);
    }

    private string Save(ModelProto model)
    {
        string path = Path.Combine(folder, "m.onnx");
        File.WriteAllBytes(path, model.ToByteArray());
        return path;
    }

    private static NodeProto Constant(string output, TensorProto value) => Node("Constant", [], [output], Attribute("value", value));

    private static AttributeProto Attribute(string name, TensorProto value) => new() { Name = name, Type = Kind.Tensor, T = value };
}
