using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.Importing;

namespace Limn.Engine.Tests.Operators;

public class EinsumOperatorTests
{
    [Theory]
    [InlineData("ij,jk->ik", new[] { 2, 3 }, new[] { 3, 4 })]
    [InlineData("ij,jk", new[] { 2, 3 }, new[] { 3, 4 })]
    [InlineData("bij,bjk->bik", new[] { 2, 2, 3 }, new[] { 2, 3, 4 })]
    [InlineData("bhid,bhjd->bhij", new[] { 2, 2, 3, 4 }, new[] { 2, 2, 2, 4 })]
    [InlineData("bij,bkl->bjlki", new[] { 2, 2, 3 }, new[] { 2, 2, 4 })]
    [InlineData("ijkl,jlm->mik", new[] { 2, 3, 2, 2 }, new[] { 3, 2, 4 })]
    [InlineData("ij,ij->", new[] { 2, 3 }, new[] { 2, 3 })]
    [InlineData("i,j->ij", new[] { 2 }, new[] { 3 })]
    [InlineData("ij,ij->ij", new[] { 2, 3 }, new[] { 2, 3 })]
    [InlineData("ij,kl->il", new[] { 2, 3 }, new[] { 2, 4 })]
    [InlineData("ij,j->ij", new[] { 2, 3 }, new[] { 3 })]
    [InlineData("bii,ij->bj", new[] { 2, 3, 3 }, new[] { 3, 2 })]
    [InlineData("ba,ac", new[] { 2, 3 }, new[] { 3, 2 })]
    public void A_product_of_two_is_the_sum_over_all_indices(string equation, int[] a, int[] b)
    {
        NdArray x = Random(1, a), y = Random(2, b);
        Near(Naive(equation, [x, y]), Run("Einsum", 12, [x, y], new() { ["equation"] = equation })[0]);
        GradientCheck.Run((g, v) => g.Einsum(equation, v), [x, y]);
    }

    [Theory]
    [InlineData("ii->i", new[] { 3, 3 })]
    [InlineData("ii", new[] { 3, 3 })]
    [InlineData("iii->i", new[] { 2, 2, 2 })]
    [InlineData("ijij->ji", new[] { 2, 3, 2, 3 })]
    [InlineData("bij->jb", new[] { 2, 3, 2 })]
    [InlineData("ij->", new[] { 2, 3 })]
    [InlineData("ba", new[] { 2, 3 })]
    public void One_term_is_summed_moved_and_reduced_to_its_diagonal(string equation, int[] dims)
    {
        NdArray x = Random(1, dims);
        Near(Naive(equation, [x]), Run("Einsum", 12, [x], new() { ["equation"] = equation })[0]);
        GradientCheck.Run((g, v) => g.Einsum(equation, v), [x], symbolic: dims.Length < 3 && equation != "ii->i" && equation != "ii");
    }

    [Fact]
    public void An_ellipsis_stands_for_axes_that_broadcast()
    {
        NdArray x = Random(1, 2, 1, 3, 4), y = Random(2, 5, 4, 2);
        NdArray expected = OperatorRunner.Run((g, v) => g.MatMul(v[0], v[1]), x, y);
        foreach (string equation in new[] { "...ij,...jk->...ik", "... i j, ... j k" })
        {
            NdArray got = Run("Einsum", 12, [x, y], new() { ["equation"] = equation })[0];
            Assert.Equal([2, 5, 3, 2], got.Dims.ToArray());
            Near(expected.Floats, got);
        }
        Assert.Equal([4, 2, 1], Run("Einsum", 12, [x], new() { ["equation"] = "...ij->j..." })[0].Dims.ToArray());
        Assert.Equal([2, 4], Run("Einsum", 12, [Random(1, 2, 3, 3, 4), Random(2, 4)], new() { ["equation"] = "aiib,b->ab" })[0].Dims.ToArray());
    }

    [Fact]
    public void Three_factors_are_multiplied_from_left_to_right_and_integers_as_well()
    {
        NdArray[] x = [Random(1, 2, 3), Random(2, 3, 4), Random(3, 4, 2)];
        Near(Naive("ij,jk,kl->il", x), Run("Einsum", 12, x, new() { ["equation"] = "ij,jk,kl->il" })[0]);
        Assert.Equal([32L], Run("Einsum", 12, [NdArray.Vector(1L, 2, 3), NdArray.Vector(4L, 5, 6)], new() { ["equation"] = "i,i->" })[0].Integers.ToArray());
    }

    [Theory]
    [InlineData("ij->k")]
    [InlineData("i->i")]
    [InlineData("ij->ii")]
    [InlineData("ij,ij->i")]
    [InlineData("i$->i")]
    public void An_equation_that_does_not_fit_is_refused(string equation) =>
        Assert.Throws<InvalidModelException>(() => Run("Einsum", 12, [Random(1, 2, 2)], new() { ["equation"] = equation }));

    /// <summary>Goes through every index of every name.</summary>
    private static float[] Naive(string equation, NdArray[] x)
    {
        string[] sides = equation.Split("->"), terms = sides[0].Split(',');
        string all = string.Concat(terms), result = sides.Length == 2 ? sides[1] : string.Concat(all.Where(c => all.Count(d => d == c) == 1).Order());
        char[] names = [.. all.Distinct().Order()];
        int[] lengths = [.. names.Select(n => x.Select((v, i) => (v, i)).Where(p => terms[p.i].Contains(n)).Select(p => p.v.Dims[terms[p.i].IndexOf(n)]).First())];
        int[] outDims = [.. result.Select(c => lengths[Array.IndexOf(names, c)])];
        var y = new float[NdArray.Count(outDims)];
        for (int k = 0; k < lengths.Aggregate(1, (a, b) => a * b); k++)
        {
            var index = new Dictionary<char, int>();
            int rest = k;
            for (int n = 0; n < names.Length; n++) (rest, index[names[n]]) = Math.DivRem(rest, lengths[n]);
            float product = 1;
            for (int i = 0; i < x.Length; i++) product *= x[i].Floats[terms[i].Select((c, d) => (c, d)).Aggregate(0, (at, p) => at * TermDim(i, p.d) + index[p.c])];
            y[result.Aggregate(0, (at, c) => at * lengths[Array.IndexOf(names, c)] + index[c])] += product;
        }
        return y;

        int TermDim(int i, int d) => x[i].Dims[d];
    }
}
