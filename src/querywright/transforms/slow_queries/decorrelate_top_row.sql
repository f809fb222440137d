# title: each customer's latest order
# workload: tpch
SELECT c.c_custkey,
  (SELECT o.o_totalprice FROM orders AS o WHERE o.o_custkey = c.c_custkey
    ORDER BY o.o_orderdate DESC, o.o_orderkey DESC LIMIT 1) AS latest
FROM customer AS c WHERE c.c_nationkey = 7;

# title: each customer's most frequent priority
# workload: tpch
SELECT c.c_custkey,
  (SELECT o.o_orderpriority FROM orders AS o WHERE o.o_custkey = c.c_custkey
    GROUP BY o.o_orderpriority ORDER BY COUNT(*) DESC, o.o_orderpriority LIMIT 1) AS usual
FROM customer AS c WHERE c.c_nationkey = 7;
