using Google.Protobuf;
using Limn.Engine.Onnx.Schema;

namespace Limn.Engine.Tests.Onnx;

/// <summary>Small models of the file format, made in code.</summary>
internal static class Models
{
    public static ModelProto Model(params NodeProto[] nodes)
    {
        var model = new ModelProto { IrVersion = 8, ProducerName = "test", ProducerVersion = "1", Graph = new GraphProto { Name = "g" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 17 });
        model.Graph.Node.AddRange(nodes);
        return model;
    }

    public static NodeProto Node(string op, string[] inputs, string[] outputs, params AttributeProto[] attributes)
    {
        var node = new NodeProto { OpType = op };
        node.Input.AddRange(inputs);
        node.Output.AddRange(outputs);
        node.Attribute.AddRange(attributes);
        return node;
    }

    public static NodeProto Identity(string from, string to) => Node("Identity", [from], [to]);

    public static ModelProto WithInput(this ModelProto model, string name, ElementType type, params object[] dims)
    {
        model.Graph.Input.Add(Info(name, type, dims));
        return model;
    }

    public static ModelProto WithOutput(this ModelProto model, string name, ElementType type = ElementType.Float, params object[] dims)
    {
        model.Graph.Output.Add(Info(name, type, dims));
        return model;
    }

    public static ModelProto With(this ModelProto model, params TensorProto[] weights)
    {
        model.Graph.Initializer.AddRange(weights);
        return model;
    }

    /// <summary>A type whose dimensions are numbers, symbols (strings) or unknown (null).</summary>
    public static ValueInfoProto Info(string name, ElementType type, params object?[] dims)
    {
        var shape = new TensorShapeProto();
        foreach (object? dim in dims)
            shape.Dim.Add(dim switch
            {
                int number => new TensorShapeProto.Types.Dimension { DimValue = number },
                string symbol => new TensorShapeProto.Types.Dimension { DimParam = symbol },
                _ => new TensorShapeProto.Types.Dimension(),
            });
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } } };
    }

    public static TensorProto Tensor(string name, ElementType type, params long[] dims)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)type };
        tensor.Dims.AddRange(dims);
        return tensor;
    }

    public static TensorProto Raw(string name, ElementType type, byte[] bytes, params long[] dims)
    {
        TensorProto tensor = Tensor(name, type, dims);
        tensor.RawData = ByteString.CopyFrom(bytes);
        return tensor;
    }

    public static TensorProto Floats(string name, float[] values, params long[] dims)
    {
        TensorProto tensor = Tensor(name, ElementType.Float, dims);
        tensor.FloatData.AddRange(values);
        return tensor;
    }

    public static TensorProto External(string name, long count, params (string Key, string Value)[] entries)
    {
        TensorProto tensor = Tensor(name, ElementType.Float, count);
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        foreach (var (key, value) in entries) tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
        return tensor;
    }

    public static Limn.Engine.Onnx.OnnxFile Read(ModelProto model, Limn.Engine.Onnx.OnnxReadOptions? options = null) =>
        Limn.Engine.Onnx.OnnxReader.Read(model.ToByteArray(), options);
}
