using Google.Protobuf;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using static Limn.Engine.Tests.Onnx.Models;

namespace Limn.Engine.Tests.Onnx;

public class InspectionTests
{
    private static OnnxInspection Inspect(ModelProto model)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, model.ToByteArray());
            return OnnxReader.Inspect(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Inspection_lists_nodes_parameters_and_what_is_not_supported()
    {
        TensorProto external = External("elsewhere", 10, ("location", "missing.bin")); // is not opened
        ModelProto model = Model(
                Node("Mystery", ["x", "", "w"], ["a"]), Node("Mystery", ["a"], ["b"]), Identity("b", "c"),
                Node("Constant", [], ["k"], new AttributeProto { Name = "value", T = Floats("", [1, 2], 2) }))
            .With(Floats("w", [1, 2, 3], 3), external, Tensor("steps", ElementType.Int64, 5))
            .WithInput("x", ElementType.Float, "n", 3).WithInput("w", ElementType.Float, 3).WithOutput("c", ElementType.Float, "n");
        OnnxInspection found = Inspect(model);
        Assert.Equal(15, found.Parameters);
        Assert.Equal("x: Float [n,3]", string.Join(';', found.Inputs.Select(i => $"{i.Name}: {i.Type} {i.Shape}")));
        Assert.Equal(["Mystery_a", "Mystery_b", "Identity_c", "Constant_k"], found.Nodes.Select(n => n.Name));
        Assert.Equal(["x", "", "w"], found.Nodes[0].Inputs);
        Assert.Equal("[n]", found.Nodes[2].Outputs[0].Shape?.ToString());
        UnsupportedOperator missing = Assert.Single(found.Unsupported);
        Assert.Equal(("Mystery", "", 17, "Mystery_a", 2), (missing.Operator, missing.Domain, missing.Opset, missing.Node, missing.Uses));
    }

    [Fact]
    public void Types_that_are_not_tensors_are_described()
    {
        ModelProto model = Model().WithInput("x", ElementType.Float);
        var map = new TypeProto { MapType = new TypeProto.Types.Map { KeyType = 7, ValueType = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = 1 } } } };
        model.Graph.Output.Add(new ValueInfoProto { Name = "p", Type = new TypeProto { SequenceType = new TypeProto.Types.Sequence { ElemType = map } } });
        Assert.Equal("sequence(map(Int64,Float))", Inspect(model).Outputs[0].Type);
    }

    [SharedFact("models")]
    public void Every_shared_model_is_inspected() => InspectAll(SharedFiles.Find("models")!, least: 8);

    [SharedFact("golden")]
    public void Every_golden_model_is_inspected() => InspectAll(SharedFiles.Find("golden")!, least: 5);

    private static void InspectAll(string folder, int least)
    {
        string[] paths = Directory.GetFiles(folder, "*.onnx", SearchOption.AllDirectories);
        Assert.True(paths.Length >= least, $"{paths.Length} models in {folder}");
        foreach (string path in paths)
        {
            OnnxInspection found = OnnxReader.Inspect(path);
            Assert.NotEmpty(found.Inputs);
            Assert.NotEmpty(found.Outputs);
            Assert.NotEmpty(found.Nodes);
            // All weights can be converted, whether or not the operators are known.
            if (found.Unsupported.Count == 0) Assert.Equal(found.Inputs.Count, OnnxReader.Read(path).Graph.Inputs.Count);
        }
    }
}
