using Limn.Engine.Execution;
using Limn.Engine.Onnx.Schema;
using static Limn.Engine.Tests.Onnx.Models;

namespace Limn.Engine.Tests.Onnx;

public class SparseTensorTests
{
    [Fact]
    public void A_sparse_initializer_is_read_dense_from_places_or_from_tuples()
    {
        Assert.Equal([0, 5, 0, 0, 0, 7], Read(Sparse([5, 7], [2], [1, 5], [2, 3])).Floats.ToArray());
        NdArray dense = Read(Sparse([5, 7], [2, 2], [0, 1, 1, 2], [2, 3]));
        Assert.Equal([0, 5, 0, 0, 0, 7], dense.Floats.ToArray());
        Assert.Equal([2, 3], dense.Dims.ToArray());
    }

    [Theory]
    [InlineData(new long[] { 2 }, new long[] { 1, 6 }, new long[] { 2, 3 })] // out of range
    [InlineData(new long[] { 2 }, new long[] { 5, 1 }, new long[] { 2, 3 })] // out of order
    [InlineData(new long[] { 2 }, new long[] { -1, 1 }, new long[] { 2, 3 })]
    [InlineData(new long[] { 2, 2 }, new long[] { 0, 3, 1, 0 }, new long[] { 2, 3 })]
    [InlineData(new long[] { 1 }, new long[] { 1 }, new long[] { 2, 3 })] // fewer indices than values
    [InlineData(new long[] { 2 }, new long[] { 0, 1 }, new long[] { 1 << 15, 1 << 14 })] // a few bytes that ask for gigabytes
    [InlineData(new long[] { 2 }, new long[] { 0, 1 }, new long[] { 1L << 40, 1L << 40 })]
    public void A_malformed_one_is_refused(long[] indexDims, long[] indices, long[] dims) =>
        Assert.Throws<InvalidModelException>(() => Read(Sparse([5, 7], indexDims, indices, dims)));

    private static SparseTensorProto Sparse(float[] values, long[] indexDims, long[] indices, long[] dims)
    {
        TensorProto places = Tensor("places", ElementType.Int64, indexDims);
        places.Int64Data.AddRange(indices);
        var sparse = new SparseTensorProto { Values = Floats("w", values, values.Length), Indices = places };
        sparse.Dims.AddRange(dims);
        return sparse;
    }

    private static NdArray Read(SparseTensorProto sparse)
    {
        ModelProto model = Model(Identity("w", "y")).WithOutput("y");
        model.Graph.SparseInitializer.Add(sparse);
        return new Session(Models.Read(model).Graph, 1).Run()[0];
    }
}
