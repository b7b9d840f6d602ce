using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;
using Limn.Engine.Tests.Onnx;
using Google.Protobuf;

namespace Limn.Engine.Tests.Operators;

public sealed class MovementOperatorTests
{
    private static NdArray Count(params int[] dims) => new([.. Enumerable.Range(0, NdArray.Count(dims)).Select(i => (float)i)], dims);

    private static NdArray Run(Func<GraphBuilder, Value, Value> build, NdArray x)
    {
        var g = new GraphBuilder();
        Value input = g.Input("x", x.Type, Shape.Of(x.Dims));
        g.Output(build(g, input));
        return new Session(g.Build(), 1).Run(x)[0];
    }

    private static void Same(float[] values, int[] dims, NdArray found)
    {
        Assert.Equal(dims, found.Dims.ToArray());
        Assert.Equal(values, found.Floats.ToArray());
    }

    private static Shape? ShapeFor(Shape from, params long[] wanted)
    {
        var g = new GraphBuilder();
        return g.Reshape(g.Input("x", ElementType.Float, from), wanted).Shape;
    }

    [Fact]
    public void Reshape_infers_as_much_as_symbols_allow()
    {
        Dim n = Dim.Named("n");
        Assert.Equal([n, 12], ShapeFor([n, 3, 4], 0, -1));
        Assert.Equal([n, 12], ShapeFor([n, 3, 4], -1, 12));
        Assert.Equal("[?,6]", ShapeFor([n, 3, 4], -1, 6)!.ToString());
        Assert.Equal([n, 2, 6], ShapeFor([n, 3, 4], 0, 2, -1));
        Assert.Equal([2, 12], ShapeFor([2, 3, 4], 2, -1));
        Assert.Equal([0, 4], ShapeFor([0, 4], 0, 4));
        Assert.Equal([0, 3], ShapeFor([0, 3, 1], 0, -1));
    }

    [Fact]
    public void Reshape_refuses_what_does_not_fit()
    {
        Assert.Throws<ShapeMismatchException>(() => ShapeFor([2, 3], 4, -1));
        Assert.Throws<ShapeMismatchException>(() => ShapeFor([2, 3], -1, -1));
        Assert.Throws<ShapeMismatchException>(() => ShapeFor([2, 3], 5));
        Assert.Throws<ShapeMismatchException>(() => ShapeFor([2, 3], 2, 3, 0));
        Assert.Throws<ShapeMismatchException>(() => ShapeFor([2, 3], -2, 3));
        var g = new GraphBuilder();
        Assert.Throws<ShapeMismatchException>(() => g.Op(new Reshape { AllowZero = true }, g.Input("x", ElementType.Float, [0, 3]), g.Integers(0, -1)));
    }

    [Fact]
    public void Slice_clamps_and_walks_back_as_numpy_does()
    {
        NdArray x = Count(5);
        Same([1, 2], [2], Run((g, v) => g.Slice(v, [1], [3]), x));
        Same([4, 3, 2, 1, 0], [5], Run((g, v) => g.Slice(v, [-1], [long.MinValue], null, [-1]), x));
        Same([4, 2], [2], Run((g, v) => g.Slice(v, [100], [0], null, [-2]), x));
        Same([0], [1], Run((g, v) => g.Slice(v, [-100], [100], null, [long.MaxValue]), x));
        Same([], [0], Run((g, v) => g.Slice(v, [3], [1]), x));
        Same([], [0, 3], Run((g, v) => g.Slice(v, [-1], [long.MinValue], [0], [-1]), Count(0, 3)));
        Assert.Throws<ShapeMismatchException>(() => Run((g, v) => g.Slice(v, [0], [1], null, [0]), x));
        Assert.Throws<ShapeMismatchException>(() => Run((g, v) => g.Slice(v, [0], [1], [1]), x));
    }

    [Fact]
    public void Whole_slices_keep_symbols()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 4]);
        Assert.Equal(x.Shape, g.Slice(x, [0], [long.MaxValue]).Shape);
        Assert.Equal(x.Shape, g.Slice(x, [-1], [long.MinValue], [0], [-1]).Shape);
        Assert.Equal("[?,4]", g.Slice(x, [0], [3]).Shape!.ToString());
    }

    [Fact]
    public void Starts_may_depend_on_data()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [4]), start = g.Input("start", ElementType.Int64, [1]);
        g.Output(g.Neg(g.Slice(x, start, g.Integers(4))));
        var session = new Session(g.Build(), 1);
        Same([-3], [1], session.Run(Count(4), NdArray.Vector(3L))[0]);
        Same([-1, -2, -3], [3], session.Run(Count(4), NdArray.Vector(1L))[0]);
    }

    [Fact]
    public void Booleans_and_integers_move_as_floats_do()
    {
        var flags = new NdArray([true, false, false, true, true, false], 2, 3);
        Assert.Equal([true, true, false, true, false, false], Run((g, v) => g.Transpose(v), flags).Booleans.ToArray());
        Assert.Equal([false, true, true, false], Run((g, v) => g.Concat(0, g.Gather(v, g.Integers(-1, 0), 1)), new NdArray([true, false, false, true], 2, 2)).Booleans.ToArray());
        var numbers = new NdArray([1L, 2, 3, 4], 2, 2);
        Assert.Equal([1L, 3, 2, 4], Run((g, v) => g.Transpose(v), numbers).Integers.ToArray());
        Assert.Equal([9L, 1, 2, 9, 3, 4], Run((g, v) => g.Pad(v, g.Integers(0, 1, 0, 0), PadMode.Constant, g.Constant(NdArray.Scalar(9L))), numbers).Integers.ToArray());
        Assert.Equal([true, false], Run((g, v) => g.ScatterElements(v, g.Integers(1), g.Constant(new NdArray([false], 1))), new NdArray([true, true], 2)).Booleans.ToArray());
    }

    [Fact]
    public void Indices_out_of_range_are_errors_and_name_the_range()
    {
        Assert.Contains("out of range", Assert.Throws<InvalidDataException>(() => Run((g, v) => g.Gather(v, g.Integers(2)), Count(2))).Message);
        Assert.Throws<InvalidDataException>(() => Run((g, v) => g.GatherND(v, g.Constant(new NdArray([-3L], 1, 1))), Count(2)));
        Assert.Throws<InvalidDataException>(() => Run((g, v) => g.ScatterElements(v, g.Integers(-3), g.Constant(NdArray.Vector(1f))), Count(2)));
    }

    [Fact]
    public void Scatter_does_not_disturb_its_own_updates() =>
        Same([1, 2, 0], [3], Run((g, v) => { Value y = g.Neg(g.Neg(v)); return g.ScatterElements(y, g.Integers(2, 0, 1), y); }, Count(3)));

    [Fact]
    public void Empty_parts_join_and_split()
    {
        Same([0, 1], [2], Run((g, v) => g.Concat(0, g.Slice(v, [0], [0]), v), Count(2)));
        Same([], [0], Run((g, v) => g.Identity(g.SplitEvenly(v, 0, 4)[3]), Count(3)));
        Same([], [0, 2], Run((g, v) => g.Tile(v, 0, 1), Count(3, 2)));
        Same([], [0, 2], Run((g, v) => g.Expand(v, g.Integers(0, 1)), Count(1, 2)));
        Assert.Throws<ShapeMismatchException>(() => Run((g, v) => g.Concat(0, v, g.Constant(Count(2, 2))), Count(3, 3)));
        Assert.Throws<ShapeMismatchException>(() => Run((g, v) => g.Split(v, 0, 1, 1)[0], Count(3)));
    }

    [Fact]
    public void NonZero_and_what_follows_take_the_size_that_the_data_say()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 2]);
        Value places = g.NonZero(x);
        g.Output(places);
        g.Output(g.GatherND(x, g.Transpose(places)));
        var session = new Session(g.Build(), 1);
        NdArray[] first = session.Run(new NdArray([0f, float.NaN, -2, 0], 2, 2));
        Assert.Equal([0L, 1, 1, 0], first[0].Integers.ToArray());
        Same([float.NaN, -2], [2], first[1]);
        NdArray[] second = session.Run(new NdArray([0f, 0, 0, 0], 2, 2));
        Assert.Equal([2, 0], second[0].Dims.ToArray());
        Same([], [0], second[1]);
    }

    [Fact]
    public void Ranges_count_up_and_down()
    {
        Assert.Equal([3L, 5, 7], Run((g, v) => g.Range(v, g.Constant(NdArray.Scalar(9L)), g.Constant(NdArray.Scalar(2L))), NdArray.Scalar(3L)).Integers.ToArray());
        Same([1, 0.5f, 0], [3], Run((g, v) => g.Range(v, g.Constant(-0.5f), g.Constant(-0.5f)), NdArray.Scalar(1f)));
        Same([], [0], Run((g, v) => g.Range(v, g.Constant(0f), g.Constant(1f)), NdArray.Scalar(1f)));
        Assert.Throws<ShapeMismatchException>(() => Run((g, v) => g.Range(v, g.Constant(0f), g.Constant(0f)), NdArray.Scalar(1f)));
    }

    [Fact]
    public void Transposes_that_move_only_unit_axes_are_views()
    {
        var op = new Limn.Engine.Operators.Transpose { Permutation = [1, 0, 3, 2] };
        Assert.True(op.IsView([1, 5, 1, 3], [5, 1, 3, 1]));
        Assert.False(op.IsView([2, 5, 1, 3], [5, 2, 3, 1]));
    }

    /// <summary>One node of an old operator set, read from a file.</summary>
    private static NdArray Old(int opset, NodeProto node, NdArray x)
    {
        ModelProto model = Models.Model(node).WithInput("x", x.Type, [.. x.Dims.ToArray().Cast<object>()]).WithOutput("y");
        model.OpsetImport[0].Version = opset;
        return new Session(OnnxReader.Read(model.ToByteArray()).Graph, 1).Run(x)[0];
    }

    private static AttributeProto Ints(string name, params long[] values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Ints };
        attribute.Ints.AddRange(values);
        return attribute;
    }

    [Fact]
    public void Attributes_of_old_versions_become_inputs()
    {
        Same([2, 3], [1, 2], Old(9, Models.Node("Slice", ["x"], ["y"], Ints("starts", 1), Ints("ends", 2)), Count(3, 2)));
        Same([0, 1], [2], Old(11, Models.Node("Squeeze", ["x"], ["y"], Ints("axes", 0, -1)), Count(1, 2, 1)));
        Same([0, 1], [2], Old(7, Models.Node("Squeeze", ["x"], ["y"]), Count(1, 2, 1)));
        Same([0, 1], [1, 2], Old(11, Models.Node("Unsqueeze", ["x"], ["y"], Ints("axes", 0)), Count(2)));
        Same([0, 0, 1, 0], [4], Old(10, Models.Node("Pad", ["x"], ["y"], Ints("pads", 1, 1)), Count(2)));
        Same([0], [1], Old(11, Models.Node("Split", ["x"], ["y", "z"], Ints("split", 1, 2)), Count(3)));
    }

    [Fact]
    public void Dropout_drops_nothing_and_refuses_to_train()
    {
        Same([0, 1, 2], [3], Old(12, Models.Node("Dropout", ["x"], ["y"], new AttributeProto { Name = "seed", Type = AttributeProto.Types.AttributeType.Int, I = 3 }), Count(3)));
        ModelProto model = Models.Model(Models.Node("Dropout", ["x", "", "train"], ["y"])).WithInput("x", ElementType.Float, 3).WithInput("train", ElementType.Bool).WithOutput("y");
        Assert.Contains("model.eval()", Assert.Throws<UnsupportedOperatorException>(() => OnnxReader.Read(model.ToByteArray())).Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // not even known
    public void Dropout_that_trains_with_nothing_to_drop_is_the_identity(bool known)
    {
        ModelProto model = Models.Model(Models.Node("Dropout", ["x", "ratio", "train"], ["y", "kept"])).With(Ratio(0))
            .WithInput("x", ElementType.Float, 3).WithOutput("y", ElementType.Float, 3).WithOutput("kept", ElementType.Bool, 3);
        model = known ? model.With(Train) : model.WithInput("train", ElementType.Bool);
        NdArray[] inputs = known ? [Count(3)] : [Count(3), NdArray.Scalar(true)];
        IReadOnlyList<NdArray> results = new Session(OnnxReader.Read(model.ToByteArray()).Graph, 1).Run(inputs);
        Assert.Equal([0f, 1, 2], results[0].Floats.ToArray());
        Assert.Equal([true, true, true], results[1].Booleans.ToArray());
    }

    private static TensorProto Ratio(float ratio) => Models.Raw("ratio", ElementType.Float, BitConverter.GetBytes(ratio));

    private static TensorProto Train => Models.Raw("train", ElementType.Bool, [1]);

    [Fact]
    public void Dropout_that_trains_with_something_to_drop_is_refused()
    {
        ModelProto model = Models.Model(Models.Node("Dropout", ["x", "ratio", "train"], ["y"])).With(Ratio(0.1f), Train)
            .WithInput("x", ElementType.Float, 3).WithOutput("y");
        Assert.Contains("random mask", Assert.Throws<UnsupportedOperatorException>(() => OnnxReader.Read(model.ToByteArray())).Message);
    }
}
