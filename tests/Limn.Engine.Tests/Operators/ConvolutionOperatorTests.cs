using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

public class ConvolutionOperatorTests
{
    private static readonly AutoPad[] Paddings = [AutoPad.NotSet, AutoPad.NotSet, AutoPad.SameUpper, AutoPad.SameLower, AutoPad.Valid];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 12)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Conv_gradients_match_differences_of_any_window(int seed)
    {
        Case c = Case.Random(seed, most: 7);
        GradientCheck.Run((g, v) => NotEmpty(g.Conv(v[0], v[1], v[2], c.Window, c.Group)), [c.X, c.W, Random([c.W.Dims[0]], seed + 3)], second: seed % 3 == 0, symbolic: seed % 2 == 0);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void ConvTranspose_gradients_match_differences_of_any_window(int seed)
    {
        Case c = Case.Random(seed, most: 4);
        int[] w = c.W.Dims.ToArray();
        (w[0], w[1]) = (c.X.Dims[1], w[0] / c.Group);
        var random = new Random(seed);
        long[]? extra = seed % 3 == 0 ? [.. Enumerable.Range(0, w.Length - 2).Select(_ => (long)random.Next(3))] : null;
        NdArray weights = Random(w, seed + 2);
        SlidingWindow window = c.Window with { Pads = Array.ConvertAll(c.Window.Pads, p => Math.Min(p, 1)) };
        GradientCheck.Run((g, v) => NotEmpty(g.ConvTranspose(v[0], v[1], v[2], window, c.Group, extra)), [c.X, weights, Random([w[1] * c.Group], seed + 3)], second: seed % 3 == 0, symbolic: seed % 2 == 0);
    }

    [Fact]
    public void Conv_and_its_input_gradient_are_adjoint_at_odd_sizes_and_what_no_window_reaches_gets_zero()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 2, Dim.Unknown, Dim.Unknown]), w = g.Constant(Random([3, 2, 2, 2], 1));
        Value y = g.Conv(x, w, null, new SlidingWindow { Strides = [3, 3] });
        g.Output(y);
        Graph graph = g.Build();
        GradientGraph gradient = Gradient.Of(graph, y, [x]);
        foreach (int size in (int[])[2, 3, 4, 5, 7, 8, 9])
        {
            NdArray input = Random([2, 2, size, size + 1], 5);
            NdArray[] results = new Session(gradient.Graph).Run(new Dictionary<Value, NdArray> { [x] = input }, [y, gradient.Required()]);
            Assert.Equal(input.Dims.ToArray(), results[1].Dims.ToArray());
            Assert.Equal(results[0].Floats.ToArray().Sum(v => (double)v), input.Floats.ToArray().Zip(results[1].Floats.ToArray(), (a, b) => (double)a * b).Sum(), 1e-4);
            for (int i = 0; i < size; i++)
                if (i % 3 == 2 || i / 3 >= results[0].Dims[2]) Assert.Equal(0, results[1].Floats[i * (size + 1)]);
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Gradients_are_the_same_when_written_in_standard_operators(int seed)
    {
        Case c = Case.Random(seed, most: 7);
        foreach (bool known in (bool[])[true, false])
        {
            var g = new GraphBuilder();
            Shape shape = Shape.Of(c.X.Dims);
            Value x = g.Input("x", ElementType.Float, known ? shape : Shape.Of([.. shape.Select((d, i) => i == 1 ? d : Dim.Unknown)]));
            Value w = g.Input("w", ElementType.Float, Shape.Of(c.W.Dims));
            Value y = g.Conv(x, w, null, c.Window, c.Group);
            Graph forward = g.Build();
            var builder = new GraphBuilder(forward);
            GradientGraph gradient = Gradient.Of(builder, forward, y, [x, w], seed: builder.Mul(y, y));
            builder.ClearOutputs();
            builder.Output(gradient.Gradients[0]!, "dx");
            builder.Output(gradient.Gradients[1]!, "dw");
            AssertWrittenTheSame(builder.Build(), c.X, c.W);
        }
    }

    [Fact]
    public void ConvTranspose_with_an_output_shape_makes_that_shape_and_has_gradients()
    {
        foreach (long size in (long[])[6, 7, 8, 9, 11])
        {
            foreach (AutoPad padding in (AutoPad[])[AutoPad.NotSet, AutoPad.SameUpper, AutoPad.SameLower])
            {
                var op = new ConvTranspose(new SlidingWindow { Strides = [2], AutoPad = padding }) { OutputShape = [size] };
                GradientCheck.Run((g, v) => g.Op(op, v[0], v[1]), [Random([2, 2, 4], 1), Random([2, 3, 3], 2)], symbolic: true);
            }
        }
    }

    [Fact]
    public void Sizes_that_do_not_fit_are_named()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [1, 4, 5, 5]);
        AssertNamed("group 2 take 6", () => g.Conv(x, g.Constant(Random([4, 3, 2, 2], 1)), group: 2));
        AssertNamed("do not divide into 2 groups", () => g.Conv(x, g.Constant(Random([3, 2, 2, 2], 1)), group: 2));
        AssertNamed("does not fit spatial axis 0", () => g.Conv(x, g.Constant(Random([3, 4, 6, 2], 1))));
        AssertNamed("strides has 1 numbers", () => g.Conv(x, g.Constant(Random([3, 4, 2, 2], 1)), window: new SlidingWindow { Strides = [2] }));
        AssertNamed("the bias [2]", () => g.Conv(x, g.Constant(Random([3, 4, 2, 2], 1)), g.Constant(Random([2], 1))));
        AssertNamed("kernel_shape is [3,3]", () => g.Conv(x, g.Constant(Random([3, 4, 2, 2], 1)), window: new SlidingWindow { Kernel = [3, 3] }));
        AssertNamed("one to three spatial axes", () => g.Conv(g.Input("u", ElementType.Float, [1, 4]), g.Constant(Random([3, 4], 1))));

        static void AssertNamed(string part, Func<Value> make) => Assert.Contains(part, Assert.Throws<ShapeMismatchException>(make).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_batch_gives_an_empty_output_and_zero_weight_gradients()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 2, 4]), w = g.Constant(Random([3, 2, 2], 1));
        Value y = g.Conv(x, w);
        g.Output(y);
        Graph graph = g.Build();
        GradientGraph gradient = Gradient.Of(graph, y, [x, w]);
        NdArray[] results = new Session(gradient.Graph).Run(
            new Dictionary<Value, NdArray> { [x] = NdArray.Create(ElementType.Float, 0, 2, 4) }, [y, gradient.Required(0), gradient.Required(1)]);
        Assert.Equal([0, 3, 3], results[0].Dims.ToArray());
        Assert.Equal([0, 2, 4], results[1].Dims.ToArray());
        Assert.All(results[2].Floats.ToArray(), v => Assert.Equal(0, v));
    }

    internal static void AssertWrittenTheSame(Graph graph, params NdArray[] inputs)
    {
        NdArray[] here = new Session(graph).Run(inputs);
        using var stream = new MemoryStream();
        OnnxWriter.Write(graph, stream);
        stream.Position = 0;
        NdArray[] again = new Session(OnnxReader.Read(stream).Graph).Run(inputs);
        for (int i = 0; i < here.Length; i++)
        {
            Assert.Equal(here[i].Dims.ToArray(), again[i].Dims.ToArray());
            float scale = 1e-5f * (1 + here[i].Floats.ToArray().Max(Math.Abs));
            for (int j = 0; j < here[i].Length; j++) Assert.Equal(here[i].Floats[j], again[i].Floats[j], scale);
        }
    }

    private static Value NotEmpty(Value y)
    {
        Assert.DoesNotContain(y.Shape!, d => d == 0);
        return y;
    }

    private static NdArray Random(int[] dims, int seed) => GradientCheck.Random(dims, -1, 1, seed);

    private sealed record Case(NdArray X, NdArray W, SlidingWindow Window, int Group)
    {
        public static Case Random(int seed, int most)
        {
            var random = new Random(seed);
            int axes = 1 + seed % 3, group = 1 + random.Next(2), channels = group * (1 + random.Next(2)), made = group * (1 + random.Next(2));
            if (axes == 3) most = Math.Min(most, 4);
            var kernel = new int[axes];
            var input = new int[axes];
            var window = new SlidingWindow
            {
                Strides = new long[axes], Dilations = new long[axes], Pads = new long[2 * axes], AutoPad = Paddings[random.Next(Paddings.Length)],
            };
            for (int i = 0; i < axes; i++)
            {
                kernel[i] = 1 + random.Next(axes == 3 ? 2 : 3);
                window.Strides[i] = 1 + random.Next(3);
                window.Dilations[i] = 1 + random.Next(2);
                window.Pads[i] = random.Next(3);
                window.Pads[axes + i] = random.Next(3);
                int reach = (kernel[i] - 1) * (int)window.Dilations[i] + 1;
                input[i] = Math.Max(reach, 2 + random.Next(most - 1));
            }
            return new Case(ConvolutionOperatorTests.Random([2, channels, .. input], seed), ConvolutionOperatorTests.Random([made, channels / group, .. kernel], seed + 1), window, group);
        }
    }
}
