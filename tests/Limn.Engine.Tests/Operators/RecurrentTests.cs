using Google.Protobuf;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Onnx.Models;
using Kind = Limn.Engine.Onnx.Schema.AttributeProto.Types.AttributeType;

namespace Limn.Engine.Tests.Operators;

public class RecurrentTests
{
    private const int Steps = 4, Rows = 2, Inputs = 3, Hidden = 2;

    public static TheoryData<string, string, int, bool> Cases()
    {
        var cases = new TheoryData<string, string, int, bool>();
        foreach (string op in new[] { "RNN", "GRU", "LSTM" })
            foreach (string direction in new[] { "forward", "reverse", "bidirectional" })
                foreach (bool lengths in new[] { false, true })
                    cases.Add(op, direction, direction == "reverse" ? 1 : 0, lengths);
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_match_central_differences(string op, string direction, int layout, bool lengths)
    {
        Graph layer = Layer(op, direction, layout, lengths);
        int directions = direction == "bidirectional" ? 2 : 1, gates = op switch { "RNN" => 1, "GRU" => 3, _ => 4 };
        List<NdArray> fed =
        [
            GradientCheck.Random(layout == 0 ? [Steps, Rows, Inputs] : [Rows, Steps, Inputs], -1, 1, 1),
            GradientCheck.Random([directions, gates * Hidden, Inputs], -1, 1, 2),
            GradientCheck.Random([directions, gates * Hidden, Hidden], -1, 1, 3),
            GradientCheck.Random([directions, 2 * gates * Hidden], -1, 1, 4),
            GradientCheck.Random(layout == 0 ? [directions, Rows, Hidden] : [Rows, directions, Hidden], -1, 1, 5),
        ];
        if (lengths) fed.Add(NdArray.Vector(4L, 2L).As(ElementType.Int32));
        GradientCheck.Run((g, x) =>
        {
            Value[] outputs = g.Inline(layer, x);
            return g.Add(g.ReduceSum(g.Mul(outputs[0], outputs[0]), null), g.ReduceSum(outputs[1], null));
        }, [.. fed], symbolic: false, second: op == "GRU" && direction == "forward");
    }

    [Fact]
    public void An_lstm_is_its_equations()
    {
        NdArray x = GradientCheck.Random([Steps, Rows, Inputs], -1, 1, 1), w = GradientCheck.Random([1, 8, Inputs], -1, 1, 2), r = GradientCheck.Random([1, 8, Hidden], -1, 1, 3), b = GradientCheck.Random([1, 16], -1, 1, 4), h0 = GradientCheck.Random([1, Rows, Hidden], -1, 1, 5);
        NdArray[] results = new Session(Layer("LSTM", "forward", 0, lengths: false)).Run(x, w, r, b, h0);
        for (int row = 0; row < Rows; row++)
        {
            double[] h = [.. Enumerable.Range(0, Hidden).Select(k => (double)h0.Floats[row * Hidden + k])], c = new double[Hidden];
            for (int t = 0; t < Steps; t++)
            {
                double[] gate = [.. Enumerable.Range(0, 8).Select(k => b.Floats[k] + b.Floats[8 + k]
                    + Enumerable.Range(0, Inputs).Sum(j => (double)w.Floats[k * Inputs + j] * x.Floats[(t * Rows + row) * Inputs + j]) + Enumerable.Range(0, Hidden).Sum(j => r.Floats[k * Hidden + j] * h[j]))];
                for (int k = 0; k < Hidden; k++)
                {
                    c[k] = Sigmoid(gate[2 * Hidden + k]) * c[k] + Sigmoid(gate[k]) * Math.Tanh(gate[3 * Hidden + k]);
                    h[k] = Sigmoid(gate[Hidden + k]) * Math.Tanh(c[k]);
                    Assert.Equal(h[k], results[0].Floats[(t * Rows + row) * Hidden + k], 1e-5);
                }
            }
            for (int k = 0; k < Hidden; k++) Assert.Equal(h[k], results[1].Floats[row * Hidden + k], 1e-5);
        }

        static double Sigmoid(double v) => 1 / (1 + Math.Exp(-v));
    }

    [Fact]
    public void A_row_that_ended_keeps_its_state_and_says_nothing_more()
    {
        Graph with = Layer("GRU", "bidirectional", 0, lengths: true), without = Layer("GRU", "bidirectional", 0, lengths: false);
        NdArray x = GradientCheck.Random([Steps, Rows, Inputs], -1, 1, 1), w = GradientCheck.Random([2, 6, Inputs], -1, 1, 2), r = GradientCheck.Random([2, 6, Hidden], -1, 1, 3), b = GradientCheck.Random([2, 12], -1, 1, 4), h0 = GradientCheck.Random([2, Rows, Hidden], -1, 1, 5);
        NdArray[] ended = new Session(with).Run(x, w, r, b, h0, NdArray.Vector(4L, 2L).As(ElementType.Int32));
        NdArray[] cut = new Session(without).Run(x.Rows(0, 2), w, r, b, h0);
        for (int t = 0; t < Steps; t++)
            for (int d = 0; d < 2; d++)
                for (int k = 0; k < Hidden; k++)
                    Assert.Equal(t < 2 ? cut[0].Floats[((t * 2 + d) * Rows + 1) * Hidden + k] : 0, ended[0].Floats[((t * 2 + d) * Rows + 1) * Hidden + k], 1e-6);
        for (int d = 0; d < 2; d++)
            for (int k = 0; k < Hidden; k++) Assert.Equal(cut[1].Floats[(d * Rows + 1) * Hidden + k], ended[1].Floats[(d * Rows + 1) * Hidden + k], 1e-6);
    }

    [Fact]
    public void Unknown_activations_and_directions_are_named()
    {
        Assert.Contains("'Sine'", Assert.Throws<UnsupportedOperatorException>(() => Layer("RNN", "forward", 0, false, new AttributeProto { Name = "activations", Type = Kind.Strings, Strings = { ByteString.CopyFromUtf8("Sine") } })).Message, StringComparison.Ordinal);
        Assert.Contains("'sideways'", Assert.Throws<InvalidModelException>(() => Layer("RNN", "sideways", 0, false)).Message, StringComparison.Ordinal);
    }

    private static Graph Layer(string op, string direction, int layout, bool lengths, params AttributeProto[] more)
    {
        var node = Node(op, ["x", "w", "r", "b", lengths ? "n" : "", "h"], ["y", "end"],
            [new AttributeProto { Name = "direction", Type = Kind.String, S = ByteString.CopyFromUtf8(direction) }, new AttributeProto { Name = "layout", Type = Kind.Int, I = layout },
             new AttributeProto { Name = "hidden_size", Type = Kind.Int, I = Hidden }, .. more]);
        ModelProto model = Model(node);
        foreach (var (name, rank) in new[] { ("x", 3), ("w", 3), ("r", 3), ("b", 2), ("h", 3) }) model.WithInput(name, ElementType.Float, new object[rank]);
        if (lengths) model.WithInput("n", ElementType.Int32, "rows");
        return OnnxReader.Read(model.WithOutput("y").WithOutput("end").ToByteArray()).Graph;
    }
}
