using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>What happens in one step of a recurrent layer, for one direction.</summary>
internal abstract record Cell
{
    /// <summary>The width of the state, H.</summary>
    public required long Hidden { get; init; }

    /// <summary>The activations f, g, h, as far as the cell has them.</summary>
    public required IReadOnlyList<Activation> Activations { get; init; }

    /// <summary>What the activations' inputs are clipped to, ±; null for no clipping.</summary>
    public float? Clip { get; init; }

    /// <summary>How many blocks of H rows the weights have.</summary>
    public abstract int Gates { get; }

    /// <summary>How many values are carried from step to step.</summary>
    public virtual int States => 1;

    /// <summary>Which gates' recurrent bias is simply added to the input's.</summary>
    public virtual int BiasedGates => Gates;

    /// <param name="g">Where the nodes are added.</param>
    /// <param name="x">W x + b of this step: [rows, gates · H].</param>
    /// <param name="states">The states before: h, and for an LSTM c; [rows, H].</param>
    /// <param name="weights">R [gates · H, H], then what else the cell takes.</param>
    /// <returns>The states after.</returns>
    public abstract Value[] Step(GraphBuilder g, Value x, Value[] states, Value[] weights);

    private protected Value Activate(GraphBuilder g, int which, Value x) => Activations[which](g, Clip is { } limit ? g.Clip(x, -limit, limit) : x);

    /// <summary>Gates [from, to) of [..., gates · H] along the last axis.</summary>
    private protected Value Gate(GraphBuilder g, Value x, int from, int to, int axis = 1) => g.Slice(x, [from * Hidden], [to * Hidden], [axis]);
}

/// <summary>h' = f(Wx + Rh + b).</summary>
internal sealed record RnnCell : Cell
{
    public override int Gates => 1;

    public override Value[] Step(GraphBuilder g, Value x, Value[] states, Value[] weights) =>
        [Activate(g, 0, g.Add(x, g.MatMul(states[0], weights[0], transA: false, transB: true)))];
}

/// <summary>
/// z = f(W_z x + R_z h + b), r = f(W_r x + R_r h + b), n = g(W_h x + R_h (r h) + b), or with <see cref="LinearBeforeReset"/>
/// n = g(W_h x + r (R_h h + b_R) + b_W); h' = (1 − z) n + z h. Cho et al. 2014.
/// </summary>
internal sealed record GruCell : Cell
{
    public bool LinearBeforeReset { get; init; }

    public override int Gates => 3;

    public override int BiasedGates => LinearBeforeReset ? 2 : 3;

    public override Value[] Step(GraphBuilder g, Value x, Value[] states, Value[] weights)
    {
        Value h = states[0];
        Value zr = g.Add(Gate(g, x, 0, 2), g.MatMul(h, Gate(g, weights[0], 0, 2, axis: 0), transA: false, transB: true)), rh = Gate(g, weights[0], 2, 3, axis: 0);
        Value z = Activate(g, 0, Gate(g, zr, 0, 1)), r = Activate(g, 0, Gate(g, zr, 1, 2));
        Value recurrent = !LinearBeforeReset ? g.MatMul(g.Mul(r, h), rh, transA: false, transB: true)
            : g.MatMul(h, rh, transA: false, transB: true) is var product && weights.Length > 1 ? g.Mul(r, g.Add(product, weights[1])) : g.Mul(r, product);
        Value n = Activate(g, 1, g.Add(Gate(g, x, 2, 3), recurrent));
        return [g.Add(n, g.Mul(z, g.Sub(h, n)))];
    }
}

/// <summary>
/// i = f(W_i x + R_i h + P_i c + b), o = f(... + P_o c'), f = f(... + P_f c) (or 1 − i), n = g(W_c x + R_c h + b);
/// c' = f c + i n, h' = o h(c'). Hochreiter, Schmidhuber 1997; Gers, Schmidhuber 2000 for the peepholes P.
/// </summary>
internal sealed record LstmCell : Cell
{
    public bool InputForget { get; init; }

    public override int Gates => 4;

    public override int States => 2;

    public override Value[] Step(GraphBuilder g, Value x, Value[] states, Value[] weights)
    {
        Value h = states[0], c = states[1];
        Value gates = g.Add(x, g.MatMul(h, weights[0], transA: false, transB: true));
        Value i = Activate(g, 0, Peek(Gate(g, gates, 0, 1), 0, c));
        Value forget = InputForget ? g.Sub(g.ScalarLike(i, 1), i) : Activate(g, 0, Peek(Gate(g, gates, 2, 3), 2, c));
        Value cell = g.Add(g.Mul(forget, c), g.Mul(i, Activate(g, 1, Gate(g, gates, 3, 4))));
        Value o = Activate(g, 0, Peek(Gate(g, gates, 1, 2), 1, cell));
        return [g.Mul(o, Activations[2](g, cell)), cell];

        Value Peek(Value gate, int which, Value at) => weights.Length < 2 ? gate : g.Add(gate, g.Mul(Gate(g, weights[1], which, which + 1, axis: 0), at));
    }
}
