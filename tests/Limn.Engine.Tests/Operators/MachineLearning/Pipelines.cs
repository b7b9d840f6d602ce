using Google.Protobuf;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Tests.Onnx;
using Kind = Limn.Engine.Onnx.Schema.AttributeProto.Types.AttributeType;

namespace Limn.Engine.Tests.Operators.MachineLearning;

/// <summary>Models of ai.onnx.ml, made in code. They read <c>x</c> and are run as they are and as they are written.</summary>
internal static class Pipelines
{
    public static NodeProto Ml(string op, string[] inputs, string[] outputs, params (string Name, object Value)[] attributes)
    {
        NodeProto node = Models.Node(op, inputs, outputs, [.. attributes.Select(a => Attribute(a.Name, a.Value))]);
        node.Domain = "ai.onnx.ml";
        return node;
    }

    public static Graph Read(ElementType type, object?[] dims, string[] outputs, params NodeProto[] nodes)
    {
        ModelProto model = Models.Model(nodes);
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "ai.onnx.ml", Version = 3 });
        model.Graph.Input.Add(Models.Info("x", type, dims));
        foreach (string output in outputs) model.Graph.Output.Add(new ValueInfoProto { Name = output });
        return OnnxReader.Read(model.ToByteArray()).Graph;
    }

    /// <summary>One node on x; its outputs are called y0, y1.</summary>
    public static NdArray[] Run(string op, NdArray x, int outputs, params (string Name, object Value)[] attributes)
    {
        string[] names = [.. Enumerable.Range(0, outputs).Select(i => $"y{i}")];
        return Run(Read(x.Type, [.. x.Dims.ToArray().Select(d => (object?)d)], names, Ml(op, ["x"], names, attributes)), x);
    }

    /// <summary>The outputs of a graph, which must be the same once it was written and read again.</summary>
    public static NdArray[] Run(Graph graph, NdArray x, bool written = true)
    {
        NdArray[] results = new Session(graph, 1).Run(x);
        if (!written) return results;
        using var stream = new MemoryStream();
        OnnxWriter.Write(graph, stream);
        NdArray[] again = new Session(OnnxReader.Read(stream.ToArray()).Graph, 1).Run(x);
        for (int i = 0; i < results.Length; i++) Assert.Null(Conformance.ConformanceCase.Difference(results[i], again[i]));
        return results;
    }

    private static AttributeProto Attribute(string name, object value)
    {
        var a = new AttributeProto { Name = name };
        switch (value)
        {
            case long v: (a.Type, a.I) = (Kind.Int, v); break;
            case float v: (a.Type, a.F) = (Kind.Float, v); break;
            case string v: (a.Type, a.S) = (Kind.String, ByteString.CopyFromUtf8(v)); break;
            case long[] v: a.Type = Kind.Ints; a.Ints.AddRange(v); break;
            case float[] v: a.Type = Kind.Floats; a.Floats.AddRange(v); break;
            case string[] v: a.Type = Kind.Strings; a.Strings.AddRange(v.Select(ByteString.CopyFromUtf8)); break;
            default: throw new ArgumentException($"no attribute: {value}");
        }
        return a;
    }
}
