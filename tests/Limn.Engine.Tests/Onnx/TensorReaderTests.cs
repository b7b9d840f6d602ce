using Google.Protobuf;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using static Limn.Engine.Tests.Onnx.Models;

namespace Limn.Engine.Tests.Onnx;

public class TensorReaderTests
{
    private static NdArray Weight(TensorProto tensor)
    {
        OnnxFile file = Read(Model().With(tensor).WithOutput(tensor.Name));
        return file.Graph.Initializers[file.Graph.Outputs[0]];
    }

    private static byte[] Bytes<T>(params T[] values) where T : unmanaged => System.Runtime.InteropServices.MemoryMarshal.AsBytes<T>(values).ToArray();

    public static TheoryData<ElementType, byte[], float[]> RawFloats => new()
    {
        { ElementType.Float, Bytes(1.5f, -2f, float.NaN), [1.5f, -2f, float.NaN] },
        { ElementType.Double, Bytes(1.5, -2.0, 1e300), [1.5f, -2f, float.PositiveInfinity] },
        { ElementType.Float16, Bytes((Half)1.5f, (Half)(-2f), Half.PositiveInfinity), [1.5f, -2f, float.PositiveInfinity] },
        { ElementType.BFloat16, Bytes<ushort>(0x3FC0, 0xC000, 0x7F80), [1.5f, -2f, float.PositiveInfinity] },
    };

    [Theory, MemberData(nameof(RawFloats))]
    public void Raw_floating_data_become_floats(ElementType type, byte[] bytes, float[] expected)
    {
        NdArray array = Weight(Raw("w", type, bytes, 3));
        Assert.Equal(type, array.Type);
        Assert.Equal(expected, array.Floats.ToArray());
    }

    public static TheoryData<ElementType, byte[], long[]> RawIntegers => new()
    {
        { ElementType.UInt8, [0, 128, 255], [0, 128, 255] },
        { ElementType.Int8, [0, 128, 255], [0, -128, -1] },
        { ElementType.UInt16, Bytes<ushort>(1, 40000, 65535), [1, 40000, 65535] },
        { ElementType.Int16, Bytes<short>(1, -2, short.MinValue), [1, -2, short.MinValue] },
        { ElementType.UInt32, Bytes<uint>(1, 2, uint.MaxValue), [1, 2, uint.MaxValue] },
        { ElementType.Int32, Bytes(1, -2, int.MinValue), [1, -2, int.MinValue] },
        { ElementType.UInt64, Bytes<ulong>(1, 2, ulong.MaxValue), [1, 2, -1] },
        { ElementType.Int64, Bytes(1L, -2L, long.MinValue), [1, -2, long.MinValue] },
    };

    [Theory, MemberData(nameof(RawIntegers))]
    public void Raw_integers_become_longs(ElementType type, byte[] bytes, long[] expected)
    {
        NdArray array = Weight(Raw("w", type, bytes, 3));
        Assert.Equal(type, array.Type);
        Assert.Equal(expected, array.Integers.ToArray());
    }

    [Fact]
    public void Raw_booleans_are_true_where_a_byte_is_not_zero() =>
        Assert.Equal([false, true, true], Weight(Raw("w", ElementType.Bool, [0, 1, 2], 3)).Booleans.ToArray());

    [Theory]
    [InlineData(ElementType.Int32, -5, -5)]
    [InlineData(ElementType.Int16, -5, -5)]
    [InlineData(ElementType.Int8, -5, -5)]
    [InlineData(ElementType.UInt16, 65531, 65531)]
    [InlineData(ElementType.UInt8, 251, 251)]
    public void Small_integers_are_read_from_their_32_bit_field(ElementType type, int stored, long expected)
    {
        TensorProto tensor = Tensor("w", type, 1);
        tensor.Int32Data.Add(stored);
        Assert.Equal([expected], Weight(tensor).Integers.ToArray());
    }

    [Fact]
    public void Half_precision_is_read_from_the_32_bit_field()
    {
        TensorProto half = Tensor("w", ElementType.Float16, 2), brain = Tensor("w", ElementType.BFloat16, 2);
        half.Int32Data.AddRange([0x3E00, 0xC000]);
        brain.Int32Data.AddRange([0x3FC0, 0xC000]);
        Assert.Equal([1.5f, -2f], Weight(half).Floats.ToArray());
        Assert.Equal([1.5f, -2f], Weight(brain).Floats.ToArray());
    }

    [Fact]
    public void Every_other_type_is_read_from_its_own_field()
    {
        TensorProto boolean = Tensor("w", ElementType.Bool, 2), wide = Tensor("w", ElementType.Int64, 1), real = Tensor("w", ElementType.Double, 1);
        TensorProto unsigned = Tensor("w", ElementType.UInt64, 1), word = Tensor("w", ElementType.UInt32, 1), text = Tensor("w", ElementType.String, 2);
        boolean.Int32Data.AddRange([0, 1]);
        wide.Int64Data.Add(long.MaxValue);
        real.DoubleData.Add(0.1);
        unsigned.Uint64Data.Add(7);
        word.Uint64Data.Add(uint.MaxValue);
        text.StringData.AddRange([ByteString.CopyFromUtf8("ä"), ByteString.Empty]);
        Assert.Equal([false, true], Weight(boolean).Booleans.ToArray());
        Assert.Equal([long.MaxValue], Weight(wide).Integers.ToArray());
        Assert.Equal([0.1f], Weight(real).Floats.ToArray());
        Assert.Equal([7L], Weight(unsigned).Integers.ToArray());
        Assert.Equal([(long)uint.MaxValue], Weight(word).Integers.ToArray());
        Assert.Equal(["ä", ""], Weight(text).Strings.ToArray());
        Assert.Equal([1f, 2f], Weight(Floats("w", [1, 2], 1, 2)).Floats.ToArray());
    }

    [Fact]
    public void Scalars_and_empty_tensors_are_read()
    {
        NdArray scalar = Weight(Floats("w", [3])), empty = Weight(Raw("w", ElementType.Float, [], 2, 0));
        Assert.Equal(0, scalar.Rank);
        Assert.Equal([3f], scalar.Floats.ToArray());
        Assert.Equal([2, 0], empty.Dims.ToArray());
        Assert.Equal(0, empty.Length);
    }

    [Fact]
    public void Data_that_do_not_fill_the_shape_are_refused_before_memory_is_taken()
    {
        Refused(Raw("w", ElementType.Float, new byte[7], 2), "needs 8");
        Refused(Floats("w", [1, 2, 3], 2), "needs 2");
        Refused(Tensor("w", ElementType.Int64, 1 << 30), "holds 0");
        Refused(Tensor("w", ElementType.Float, long.MaxValue), "dimension");
        Refused(Tensor("w", ElementType.Float, -1), "dimension -1");
        Refused(Tensor("w", ElementType.Float, 1 << 20, 1 << 20), "2^31");
        Refused(Raw("w", ElementType.String, [1], 1), "raw data");
        Refused(Tensor("w", ElementType.Undefined), "no element type");
    }

    [Theory]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(27)]
    public void Types_without_storage_are_named(int type)
    {
        var e = Assert.Throws<UnsupportedOperatorException>(() => Weight(Tensor("w", (ElementType)type, 1)));
        Assert.Contains("'w'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Elements_below_a_byte_lie_the_first_in_the_lowest_bits_raw_or_in_fields_and_are_written_so()
    {
        Check([0xF8, 0x03], ElementType.Int4, 3, [-8, -1, 3]);
        Check([0xF8, 0x03], ElementType.UInt4, 3, [8, 15, 3]);
        Check([0b11_10_01_00, 0b01], ElementType.Int2, 5, [0, 1, -2, -1, 1]);
        Check([0x92, 0x07], ElementType.Float4E2M1, 3, [1, -0.5f, 6]);
        Check([0x38, 0xFE], ElementType.Float8E4M3FN, 2, [1, -448]);
        Refused(Raw("w", ElementType.Int4, [1], 3), "needs 2");

        static void Check(byte[] bytes, ElementType type, long count, float[] expected)
        {
            TensorProto fields = Tensor("w", type, count);
            fields.Int32Data.AddRange(bytes.Select(b => (int)b));
            foreach (TensorProto tensor in new[] { Raw("w", type, bytes, count), fields })
            {
                NdArray w = Weight(tensor);
                Assert.Equal(type, w.Type);
                Assert.Equal(expected, w.ToTensor().ToArray());
                Assert.Equal(bytes, Limn.Engine.Onnx.TensorWriter.Bytes(w));
            }
        }
    }

    private static void Refused(TensorProto tensor, string because) =>
        Assert.Contains(because, Assert.Throws<InvalidModelException>(() => Weight(tensor)).Message, StringComparison.Ordinal);
}
